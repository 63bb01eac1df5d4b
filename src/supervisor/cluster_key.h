// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "base/error.h"
#include "base/secret.h"

namespace tlspool::supervisor {

/// What a pool has of its cluster's key. Both empty: it belongs to no cluster.
struct ClusterKeys {
  Secret outcomes;  ///< goes to the judge
  Secret tickets;   ///< stays in the supervisor
};

/// Reads the file and derives both. It must be a regular file that belongs to the supervisor's user and that nobody else may read or
/// write: Code::config says what is wrong, and what to do.
[[nodiscard]] Result<ClusterKeys> read_cluster_keys(const std::string& path);

}  // namespace tlspool::supervisor
