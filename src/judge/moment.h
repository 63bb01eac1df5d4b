// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <ctime>

namespace tlspool::judge {

/// Seconds since 1970.
[[nodiscard]] inline std::int64_t now() { return static_cast<std::int64_t>(std::time(nullptr)); }

}  // namespace tlspool::judge
