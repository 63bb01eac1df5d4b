// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sys/types.h>

#include <optional>
#include <string>

#include "base/error.h"
#include "base/fd.h"
#include "base/sandbox.h"
#include "supervisor/credentials.h"

namespace tlspool::supervisor {

/// How one process of the pool comes to be.
struct StartAs {
  std::string role;            ///< "keeper", "worker", "judge", "fetcher", "metrics": the hidden --process of this executable
  std::string directory;       ///< its working directory; entered before the user changes; empty: as it is
  std::optional<RunAs> user;   ///< none: the supervisor's own
  Credentials credentials;     ///< the keeper's; empty for the others
  std::string socket = {};     ///< where systemd starts it (outside.h); empty: it is started here
};

struct Started {
  pid_t pid = 0;
  UniqueFd channel;  ///< the supervisor's end
};

/// Forks and executes this program again, so that the child's memory is its own (a PKCS#11 module does not
/// survive a fork). It gets descriptor 3, a stream socket to the supervisor, and standard error; nothing
/// else. Fails when the child did not come as far as its own main.
[[nodiscard]] Result<Started> start_process(const StartAs& as);

/// "exit status 1", "signal 11 (Segmentation fault)"; `status` is of waitpid().
[[nodiscard]] std::string describe_end(int status);

/// The user of this name. Code::config with the command that makes it where there is none.
[[nodiscard]] Result<RunAs> find_user(const std::string& name);

}  // namespace tlspool::supervisor
