// SPDX-License-Identifier: Apache-2.0
#include "fetcher/main.h"

#include <unistd.h>

#include <csignal>

#include "base/log.h"
#include "base/sandbox.h"
#include "fetcher/fetcher.h"

namespace tlspool::fetcher {

int run(int channel) {
  // A terminal sends these to the whole group; the supervisor decides when the fetcher ends.
  std::signal(SIGINT, SIG_IGN);
  std::signal(SIGHUP, SIG_IGN);
  std::signal(SIGPIPE, SIG_IGN);
  if (auto done = refuse_dumps(); !done) {
    log::error("fetcher.failed", {{"error", done.error().text()}});
    return 1;
  }
  Loop loop;
  const SignalWatch term{loop, SIGTERM, [&loop](int) { loop.stop(); }};
  Fetcher fetcher{loop, UniqueFd{channel}};
  loop.run();
  // At once: threads may be waiting for an entity, and there is nobody left to tell what it says.
  _exit(fetcher.exit_status());
}

}  // namespace tlspool::fetcher
