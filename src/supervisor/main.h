// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/log.h"

namespace tlspool::supervisor {

struct Options {
  std::string pool;  ///< --pool; empty: see config::find_pool
  bool check = false;
  std::string program;  ///< what is executed, for an upgrade: the path of this executable
  std::vector<std::string> arguments;  ///< as this process was given them, but for those that an upgrade adds
  int takeover = -1;    ///< --takeover: a socket to the supervisor that is to be taken over; -1: none
  std::string outside;  ///< --outside: see Ground
  std::optional<log::Format> log;  ///< overrides the configuration's
};

/// The supervisor: runs the pool until it is told to end. Returns the exit code.
int run(const Options& options);

}  // namespace tlspool::supervisor
