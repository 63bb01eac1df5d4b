// SPDX-License-Identifier: Apache-2.0
// A new executable takes over: the new pool waits until it may serve, the old one serves nothing more and ends with its last session.
#include <fcntl.h>

#include <algorithm>

#include "base/log.h"
#include "supervisor/pool.h"

namespace tlspool::supervisor {
namespace {

using wire::Kind;

}  // namespace

void Pool::serve() {
  if (!std::exchange(held_, false)) return;
  for (std::uint32_t i = 0; i < workers_.size(); ++i) {
    if (workers_[i]->running()) send_listener(i);
  }
}

void Pool::send_listener(std::uint32_t worker) {
  if (held_ || !listener_.valid()) return;
  workers_[worker]->send_bytes(Kind::listener, {}, 0, only(UniqueFd{fcntl(listener_.get(), F_DUPFD_CLOEXEC, 0)}));
}

void Pool::welcome(UniqueFd program) {
  if (workers_.empty()) return;
  const std::uint32_t to = next_welcome_++ % static_cast<std::uint32_t>(workers_.size());
  workers_[to]->send(Kind::adopt, wire::Adopt{to, {}}, 0, only(std::move(program)));
}

std::vector<std::string> Pool::tokens_without(wire::TokenState state) const {
  std::vector<std::string> out;
  for (const auto& token : report_.tokens) {
    if (token.state != state) out.push_back(token.name);
  }
  return out;
}

void Pool::retire(OnIdle on_idle, std::function<void()> done) {
  retired_ = std::move(done);
  on_idle_ = std::move(on_idle);
  listener_.reset();
  // What dies now is not started again; sessions need neither keeper nor judge.
  for (Child* child : children()) child->after_end(Child::AfterEnd::stay_down);
  metrics_.apply({}, std::nullopt, {});
  keeper_->send_bytes(Kind::retire, {}, 0);
  for (auto& worker : workers_) worker->send_bytes(Kind::retire, {}, 0);
  stop_timer_.start(std::chrono::seconds{content_.config.drain}, [this] {
    log::warning("upgrade.drain_deadline", {{"seconds", std::to_string(content_.config.drain)}, {"reason", "the sessions that are left end now: [pool] drain"}});
    stop(std::exchange(retired_, nullptr));
  });
  look_retired();
}

void Pool::end_sessions(const Bytes& end) {
  ask_workers(Kind::end_sessions, [](const std::vector<Bytes>&) {}, end);
}

void Pool::look_retired() {
  if (!retired_ || std::ranges::any_of(workers_, [](const auto& worker) { return worker->running(); })) return;
  log::info("upgrade.drained", {{"pool", ground_.paths.directory}});
  stop(std::exchange(retired_, nullptr));
}

}  // namespace tlspool::supervisor
