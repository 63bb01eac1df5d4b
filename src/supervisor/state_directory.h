// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <string>

#include "base/error.h"
#include "base/sandbox.h"

namespace tlspool::supervisor {

/// A directory of mode 0700 that belongs to `user` (none: to whom the supervisor is), made where it is not there. One that others may
/// write in, or that is another's, is an error.
[[nodiscard]] Status ensure_state_directory(const std::string& path, const std::optional<RunAs>& user);

}  // namespace tlspool::supervisor
