// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/sandbox.h"

namespace tlspool {

/// The part of enter_sandbox() that Landlock does: files, and as far as this kernel's version goes TCP, signals to
/// processes outside, and abstract Unix sockets.
[[nodiscard]] Status close_files(const SandboxRequest& request);

}  // namespace tlspool
