// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sys/types.h>

#include <optional>
#include <string>

#include "base/error.h"

namespace tlspool {

/// A system call that a sandbox refused.
struct RefusedCall {
  pid_t thread = 0;   ///< which one made it
  std::string name;   ///< "openat"
};

/// For whoever holds a descriptor of enter_watched_sandbox(), when it is readable: takes one call off it and lets it
/// fail with EPERM. Nothing: its thread is gone. Code::closed: the whole process is, or this is no such descriptor.
[[nodiscard]] Result<std::optional<RefusedCall>> refuse_next(int watch);

}  // namespace tlspool
