// SPDX-License-Identifier: Apache-2.0
#include "worker/main.h"

#include <malloc.h>

#include <csignal>

#include "base/log.h"
#include "tls/key_provider.h"
#include "tls/handshake_provider.h"
#include "wire/confine.h"
#include "wire/idl.h"
#include "wire/log_setup.h"
#include "worker/control.h"
#include "worker/worker.h"

namespace tlspool::worker {
namespace {

constexpr std::size_t most_paused_jobs = 1024;  // 34 KiB each

// What must be loaded or opened before the sandbox closes.
Status warm_up() {
  if (auto loaded = tls::load_key_provider(&Handshake::sign); !loaded) return loaded;
  if (auto loaded = tls::load_handshake_provider(); !loaded) return loaded;
  (void)wire::pool_interface();
  (void)wire::service_interface();
  Handshake::reserve_jobs(most_paused_jobs);
  return {};
}

Result<Frame> expect(int channel, wire::Kind kind) {
  auto frame = receive_frame(channel);
  if (frame && frame->kind != kind) {
    return fail({Code::protocol, "start worker", "", "the supervisor sent another frame than expected", {}});
  }
  return frame;
}

Status start_log(int channel) {
  auto frame = expect(channel, wire::Kind::log_setup);
  if (!frame) return fail(std::move(frame.error()));
  return wire::start_log(std::move(*frame));
}

}  // namespace

int run(int channel) {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGHUP, SIG_IGN);
  std::signal(SIGINT, SIG_IGN);
  UniqueFd socket{channel};
  const auto give_up = [](const Error& e) {
    log::error("worker.failed", {{"problem", e.text()}});
    return 1;
  };
  if (auto done = start_log(socket.get()); !done) return give_up(done.error());
  if (auto done = warm_up(); !done) return give_up(done.error());
  auto setup = expect(socket.get(), wire::Kind::worker_setup);
  if (!setup) return give_up(setup.error());
  // Made before the sandbox closes: epoll and the loop's wake-up pipe.
  Loop loop;
  Worker worker(loop, std::move(socket));
  worker.frame(std::move(*setup));
  if (worker.exit_status() != 0) return worker.exit_status();
  SignalWatch terminate(loop, SIGTERM, [&](int) { loop.stop(); });
  const auto tell = [&](UniqueFd watch) { worker.give_watch(std::move(watch)); };
  if (auto done = wire::confine({.confinement = Confinement::worker}, tell); !done) return give_up(done.error());
  worker.ready();
  loop.run();
  return worker.exit_status();
}

}  // namespace tlspool::worker
