// SPDX-License-Identifier: Apache-2.0
#include "metrics/main.h"

#include <csignal>

#include "metrics/exporter.h"

namespace tlspool::metrics {

int run(int channel) {
  // A terminal sends these to the whole group; the supervisor decides when this process ends.
  std::signal(SIGINT, SIG_IGN);
  std::signal(SIGHUP, SIG_IGN);
  std::signal(SIGPIPE, SIG_IGN);
  UniqueFd socket{channel};
  const counters::Machine machine = this_machine();
  Loop loop;
  const SignalWatch term{loop, SIGTERM, [&loop](int) { loop.stop(); }};
  const Exporter exporter{loop, std::move(socket), machine};
  loop.run();
  return exporter.exit_status();
}

}  // namespace tlspool::metrics
