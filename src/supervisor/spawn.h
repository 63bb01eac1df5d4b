// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"

namespace tlspool::supervisor {

constexpr int dev_null = -1;

/// Another program, and how it finds the world.
struct Spawn {
  std::string operation;  ///< "start the keeper": what has failed where it did not start
  std::string subject;
  std::string file;                                     ///< absolute path
  std::vector<std::string> arguments;                   ///< its own name first
  std::optional<std::vector<std::string>> environment;  ///< "NAME=value"; none: as ours
  std::vector<int> descriptors;      ///< borrowed: what it has as 0, 1, 2 and so on; it has no others. One may be `dev_null`
  std::vector<int> ignored_signals;  ///< all others do what they do by default
  /// In the new process, just before the program: who it becomes, and where. It has one free descriptor behind `descriptors` that is
  /// taken. It ends with its parent (PR_SET_PDEATHSIG), which is set afterwards since a change of user forgets it.
  std::function<Status()> prepare;
};

/// Forks and executes. Fails when the program did not start, with the new process's own reason.
[[nodiscard]] Result<pid_t> spawn(const Spawn& plan);

}  // namespace tlspool::supervisor
