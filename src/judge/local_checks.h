// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>

#include "judge/source.h"

namespace tlspool::judge {

/// The checks that the Subject alone answers; none for those that a Source does.
[[nodiscard]] std::optional<CheckAnswer> check_locally(const Subject& subject, const trust::Check& check);

}  // namespace tlspool::judge
