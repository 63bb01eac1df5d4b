// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <string>

#include "base/log.h"

namespace tlspool::supervisor {

struct Options {
  std::string pool;  ///< --pool; empty: see config::find_pool
  bool check = false;
  std::string outside;  ///< --outside: see Ground
  std::optional<log::Format> log;  ///< overrides the configuration's
};

/// The supervisor: runs the pool until it is told to end. Returns the exit code.
int run(const Options& options);

}  // namespace tlspool::supervisor
