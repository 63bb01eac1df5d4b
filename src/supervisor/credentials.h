// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

#include "base/error.h"

namespace tlspool::supervisor {

/// systemd gives a service's credentials to the service's own user, which is root, and not to the keeper's.
/// So a root supervisor's keeper gets each as an unnamed file in memory, from descriptor 5 on in the order of
/// `names`; the supervisor itself reads none of them.
struct Credentials {
  std::string directory;           ///< $CREDENTIALS_DIRECTORY; empty: the processes read it themselves
  std::vector<std::string> names;  ///< sorted
};

/// What systemd gave this service; empty unless root.
[[nodiscard]] Result<Credentials> find_credentials();

/// By which name the keeper finds it below its own $CREDENTIALS_DIRECTORY.
[[nodiscard]] std::string keeper_credential(const Credentials& credentials, const std::string& name);

/// In the new process, while it is still root and descriptors from 5 on are free: makes the files and points
/// $CREDENTIALS_DIRECTORY at them.
[[nodiscard]] Status hand_over(const Credentials& credentials);

}  // namespace tlspool::supervisor
