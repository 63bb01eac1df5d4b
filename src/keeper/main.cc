// SPDX-License-Identifier: Apache-2.0
#include "keeper/main.h"

#include <csignal>
#include <cstdlib>

#include "base/log.h"
#include "keeper/environment.h"
#include "keeper/keeper.h"
#include "wire/confine.h"

namespace tlspool::keeper {
namespace {

int refuse_start(const Error& e) {
  log::error("keeper.not_started", {{"problem", e.text()}});
  return 1;
}

}  // namespace

int run(int channel) {
  // A terminal sends these to the whole group; the supervisor decides when the keeper ends.
  for (const int number : {SIGINT, SIGHUP, SIGPIPE}) (void)std::signal(number, SIG_IGN);
  UniqueFd socket{channel};
  if (auto done = refuse_dumps(); !done) return refuse_start(done.error());
  make_blocking(channel);
  if (auto done = receive_log_setup(channel); !done) return refuse_start(done.error());
  auto first = receive_frame(channel);
  if (!first) return refuse_start(first.error());
  if (first->kind != wire::Kind::keeper_setup) {
    return refuse_start({Code::protocol, "start", "keeper_setup", "another frame came first", {}});
  }
  auto setup = wire::decode<wire::KeeperSetup>(first->body);
  if (!setup) return refuse_start(setup.error());
  use_own_softhsm();

  Loop loop;
  std::unique_ptr<Channel> supervisor;
  Keeper keeper(loop, setup->directory, {}, [&](wire::Kind kind, Bytes body) {
    if (supervisor) supervisor->send(kind, 0, body);
  });
  const SandboxRequest walls = keeper_sandbox(*setup);
  keeper.apply(std::move(*setup));
  Status told;
  const auto tell = [&](UniqueFd watch) {
    told = send_frame(channel, {wire::Kind::sandbox_watch, 0, {}, only(std::move(watch))});
  };
  if (auto done = wire::confine(walls, tell); !done) return refuse_start(done.error());
  if (!told) return refuse_start(told.error());

  supervisor = std::make_unique<Channel>(
      loop, std::move(socket), [&](Frame frame) { keeper.take(std::move(frame)); },
      // At once: threads may be inside a slow token, and nothing that they could answer is wanted any more.
      [] { std::_Exit(0); });
  const SignalWatch term(loop, SIGTERM, [](int) { std::_Exit(0); });
  keeper.send_report();
  loop.run();
  return 0;
}

}  // namespace tlspool::keeper
