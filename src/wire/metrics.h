// SPDX-License-Identifier: Apache-2.0
// What the supervisor tells the metrics process, which tells nobody anything but that it is ready.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "wire/codec.h"

namespace tlspool::wire {

struct MetricsSetup {
  std::vector<std::string> tokens;  ///< names by TokenSetup::number; empty: no token of the configuration
};
template <class Io> void fields(Io& io, MetricsSetup& m) { io(m.tokens); }

/// A process that was started, for the first time or again, or that has gone (no descriptors).
struct MetricsProcess {
  std::string name;  ///< "keeper", "worker-0"
};
template <class Io> void fields(Io& io, MetricsProcess& m) { io(m.name); }

}  // namespace tlspool::wire
