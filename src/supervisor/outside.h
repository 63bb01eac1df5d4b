// SPDX-License-Identifier: Apache-2.0
// A process that systemd starts, in a unit of its own, for whoever connects to a socket (tlspool-judge.socket): so it may use the
// network, and the service that the supervisor is in may not.
#pragma once
#include <sys/types.h>

#include <optional>
#include <string>

#include "base/error.h"
#include "base/fd.h"

namespace tlspool::supervisor {

/// Connects; the process says with a first byte that it is there. Non-blocking.
[[nodiscard]] Result<UniqueFd> ask_for_process(const std::string& socket);

/// Its number, as the kernel knows who wrote the first byte; std::nullopt where none has come yet. Code::closed: it has ended, or was
/// never started.
[[nodiscard]] Result<std::optional<pid_t>> take_greeting(int channel);

/// The other side: the first byte of a process that systemd started.
[[nodiscard]] Status greet(int channel);

/// What stands for a process that is no child; readable when it has ended.
[[nodiscard]] Result<UniqueFd> open_process(pid_t pid);
void signal_process(int process, int number);

}  // namespace tlspool::supervisor
