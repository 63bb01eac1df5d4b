// SPDX-License-Identifier: Apache-2.0
#include "metrics/main.h"

#include <csignal>

#include "base/log.h"
#include "metrics/exporter.h"
#include "wire/confine.h"
#include "wire/ipc.h"
#include "wire/log_setup.h"

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
  const auto give_up = [](const Error& e) {
    log::error("metrics.failed", {{"error", e.text()}});
    return 1;
  };
  auto first = receive_frame(socket.get());
  if (!first) return give_up(first.error());
  if (auto done = wire::start_log(std::move(*first)); !done) return give_up(done.error());
  // Nothing that comes later needs more: it is all handed over by descriptor.
  Status told;
  const auto tell = [&](UniqueFd watch) {
    told = send_frame(socket.get(), {wire::Kind::sandbox_watch, 0, {}, only(std::move(watch))});
  };
  if (auto done = wire::confine({.confinement = Confinement::metrics}, tell); !done) return give_up(done.error());
  if (!told) return give_up(told.error());
  const Exporter exporter{loop, std::move(socket), machine};
  loop.run();
  return exporter.exit_status();
}

}  // namespace tlspool::metrics
