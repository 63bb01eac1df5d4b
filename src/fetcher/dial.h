// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"

namespace tlspool::fetcher {

using Deadline = std::chrono::steady_clock::time_point;

/// What is left until then, for poll(): never negative, rounded up.
[[nodiscard]] int milliseconds_left(Deadline deadline);

/// Connects to the first address of `host` that takes it; the socket is non-blocking. Returns by the deadline, also
/// where the resolver is silent. Code::timeout, not_found (no such name) or io (the last address's error).
[[nodiscard]] Result<UniqueFd> dial(const std::string& host, std::uint16_t port, Deadline deadline);

}  // namespace tlspool::fetcher
