// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "base/sandbox.h"

namespace tlspool::supervisor {

/// How a program of a [[hook]] comes to be.
struct StartHook {
  std::vector<std::string> program;  ///< absolute path and arguments
  std::optional<RunAs> user;         ///< none: the supervisor's own
  std::uint32_t processes = 0;       ///< how many its user may have more than now, threads counted
  std::uint32_t memory = 0;          ///< MiB of address space
};

struct StartedHook {
  pid_t pid = 0;         ///< also of its process group and its session
  UniqueFd socket;       ///< its standard input and output
  UniqueFd error_output; ///< a pipe; non-blocking
};

/// Forks and executes it: with descriptors 0 to 2 and no others, an environment of its own, a session of its own, the root directory
/// as working directory, no new privileges, limits, and SIGKILL when the supervisor ends. Fails when the program did not start.
[[nodiscard]] Result<StartedHook> start_hook(const StartHook& as);

/// Processes and threads of a user, as RLIMIT_NPROC counts them.
[[nodiscard]] std::uint32_t tasks_of(uid_t uid);

}  // namespace tlspool::supervisor
