// SPDX-License-Identifier: Apache-2.0
#include "metrics/main.h"

#include <csignal>

#include "base/log.h"
#include "base/sandbox.h"
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
  // Nothing that comes later needs more: it is all handed over by descriptor.
  if (auto done = enter_sandbox({.confinement = Confinement::metrics}); !done) {
    log::error("metrics.failed", {{"error", done.error().text()}});
    return 1;
  }
  const Exporter exporter{loop, std::move(socket), machine};
  loop.run();
  return exporter.exit_status();
}

}  // namespace tlspool::metrics
