// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"

namespace tlspool {

/// What one kind of process may still do once it has started. The table of system calls is in sandbox.cc,
/// each with its reason.
enum class Confinement {
  worker,  ///< no file, no connect, no exec: only sockets that it was handed
  keeper,  ///< the files of its tokens, Unix sockets for smart-card daemons; no network, no exec
  judge,   ///< reads trust anchors, writes in its own directory, asks the network; no exec, no listening
  fetcher, ///< connects over TCP, resolves names, reads what that needs; no exec, no write, no listening
  metrics, ///< accepts on the socket that it was handed, reads descriptors that it was handed; no file, no connect, no exec
};

struct SandboxRequest {
  Confinement confinement = Confinement::worker;
  std::vector<std::string> readable;  ///< directories and files (Landlock, recursive)
  std::vector<std::string> writable;  ///< directories (Landlock, recursive)
};

/// Takes effect for the whole process and can't be undone; call before the first thread starts. Sets
/// no_new_privs, not dumpable, no core file, Landlock and seccomp. A kernel without Landlock is an error:
/// a sandbox that silently lacks a wall is none.
[[nodiscard]] Status enter_sandbox(const SandboxRequest& request);

/// The same, and the kernel tells of each system call that the filter refuses on the descriptor that this returns
/// (base/refused_calls.h). Whoever made the call waits until somebody has answered: give the descriptor to another
/// process at once. An invalid one: this kernel tells nobody but its audit log, and the calls just fail.
[[nodiscard]] Result<UniqueFd> enter_watched_sandbox(const SandboxRequest& request);

/// Which user a process becomes when the supervisor runs as root.
struct RunAs {
  uid_t uid = 0;
  gid_t gid = 0;
};
/// Drops to `user` with no supplementary groups and no capabilities.
[[nodiscard]] Status become(const RunAs& user);
/// Not dumpable, core size 0, no new privileges; every process of the pool does this first.
[[nodiscard]] Status refuse_dumps();

}  // namespace tlspool
