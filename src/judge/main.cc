// SPDX-License-Identifier: Apache-2.0
#include "judge/main.h"

#include <csignal>
#include <ctime>

#include "base/log.h"
#include "base/sandbox.h"
#include "judge/judge.h"

namespace tlspool::judge {

int run(int channel) {
  // A terminal sends these to the whole group; the supervisor decides when the judge ends.
  std::signal(SIGINT, SIG_IGN);
  std::signal(SIGHUP, SIG_IGN);
  std::signal(SIGPIPE, SIG_IGN);
  if (auto done = refuse_dumps(); !done) {
    log::error("judge.failed", {{"error", done.error().text()}});
    return 1;
  }
  tzset();  // rules go by the clock on the wall; the sandbox opens no other file of time zones
  Loop loop;
  const SignalWatch term{loop, SIGTERM, [&loop](int) { loop.stop(); }};
  const Judge judge{loop, UniqueFd{channel}};
  loop.run();
  return judge.exit_status();
}

}  // namespace tlspool::judge
