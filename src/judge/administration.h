// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>

#include "judge/pin_store.h"
#include "judge/revoked_store.h"
#include "wire/judge_admin.h"

namespace tlspool::judge {

/// Rows in one answer to a list.
inline constexpr std::size_t rows_at_once = 2000;

/// Does what an administrator wants. Whatever changes is on the disk before the answer.
[[nodiscard]] wire::JudgeAdminAnswer administer(PinStore& pins, RevokedStore& revoked, const wire::JudgeAdmin& request, std::int64_t now);

}  // namespace tlspool::judge
