// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/deadline.h"
#include "base/error.h"
#include "base/fd.h"

namespace tlspool::fetcher {

/// Connects to the first address of `host` that takes it; the socket is non-blocking. Returns by the deadline, also
/// where the resolver is silent. Code::timeout, not_found (no such name) or io (the last address's error).
[[nodiscard]] Result<UniqueFd> dial(const std::string& host, std::uint16_t port, Deadline deadline);

}  // namespace tlspool::fetcher
