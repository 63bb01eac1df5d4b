// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <string>

#include "base/fd.h"

namespace tlspool::client {

// Idle connections to pools' sockets, kept because a connect costs as much as the call itself. One belongs
// to the process and the effective user that made it, for the pool knows callers by what the kernel recorded
// at connect(): after a fork or a change of user it is never taken again. Thread-safe and fork-safe.

/// A connection that was quiet and open a moment ago; std::nullopt: connect anew.
[[nodiscard]] std::optional<UniqueFd> take_idle(const std::string& socket);
/// Keeps a connection on which the last call was answered.
void keep_idle(const std::string& socket, UniqueFd connection);

}  // namespace tlspool::client
