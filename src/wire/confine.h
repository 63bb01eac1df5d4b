// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>

#include "base/sandbox.h"

namespace tlspool::wire {

/// Closes the sandbox of a process of the pool. Where its LogSetup wants that, `tell_supervisor` is to send sandbox_watch
/// (ipc.h) with the descriptor, and not to keep it.
[[nodiscard]] Status confine(const SandboxRequest& request, const std::function<void(UniqueFd)>& tell_supervisor);

}  // namespace tlspool::wire
