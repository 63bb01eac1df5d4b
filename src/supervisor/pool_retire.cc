// SPDX-License-Identifier: Apache-2.0
// A new executable takes over: the new pool waits until it may serve, the old one serves nothing more and ends with its last session.
#include <fcntl.h>
#include <signal.h>

#include <algorithm>

#include "base/log.h"
#include "supervisor/pool.h"

namespace tlspool::supervisor {
namespace {

using wire::Kind;

constexpr std::uint64_t files_number = UINT64_MAX;  // no reload has it

}  // namespace

// Administrators, and handshakes, may have changed the judge's files since it read them.
void Pool::serve(Before before) {
  if (!held_ || taking_files_) return;
  before_ = std::move(before);
  send_elsewhere();
  taking_files_ = judge_->running() ? files_number : 0;
  take_files();
}

void Pool::send_listeners() {
  taking_files_.reset();
  if (!std::exchange(held_, false)) return;
  for (std::uint32_t i = 0; i < workers_.size(); ++i) {
    if (workers_[i]->running()) send_listener(i);
  }
}

void Pool::send_listener(std::uint32_t worker) {
  if (held_ || !listener_.valid()) return;
  workers_[worker]->send_bytes(Kind::listener, {}, 0, only(UniqueFd{fcntl(listener_.get(), F_DUPFD_CLOEXEC, 0)}));
}

void Pool::forget_before() {
  before_.reset();
  send_elsewhere();
}

void Pool::send_elsewhere() {
  for (auto& worker : workers_) worker->send(Kind::elsewhere, wire::Elsewhere{before_ ? before_->workers : 0});
}

void Pool::welcome(UniqueFd program) {
  if (on_idle_) return on_idle_(std::move(program));
  if (workers_.empty()) return;
  const std::uint32_t to = next_welcome_++ % static_cast<std::uint32_t>(workers_.size());
  workers_[to]->send(Kind::adopt, wire::Adopt{to, {}}, 0, only(std::move(program)));
}

void Pool::visit(const wire::Visit& call, UniqueFd program) {
  Child* worker = call.worker < workers_.size() ? workers_[call.worker].get() : nullptr;
  if (worker != nullptr && worker->phase() == Child::Phase::ready && !finished_.contains(worker)) {
    return worker->send(Kind::visit, call, 0, only(std::move(program)));
  }
  pass_on(call, std::move(program));
}

// No worker of this pool has what the call is about.
void Pool::pass_on(const wire::Visit& call, UniqueFd program) {
  const auto own = static_cast<std::uint32_t>(workers_.size());
  const bool list = call.asks == wire::Visit::Asks::list;
  wire::Visit further = call;
  if (list) further.worker -= std::min(own, further.worker);
  const bool is_there = !list || call.worker >= own;
  if (before_ && is_there && before_->visit(further, program)) return;
  nowhere(call, std::move(program));
}

void Pool::nowhere(const wire::Visit& call, UniqueFd program) {
  if (on_nowhere_) return on_nowhere_(call, std::move(program));
  if (workers_.empty()) return;
  const std::size_t to = call.worker % workers_.size();
  workers_[to]->send(Kind::nowhere, call, 0, only(std::move(program)));
}

void Pool::give_pin(const std::string& token, UniqueFd connection) {
  keeper_->send(Kind::pin_wanted, wire::PinEntry{token}, 0, only(std::move(connection)));
}

std::vector<std::string> Pool::tokens_without(wire::TokenState state) const {
  std::vector<std::string> out;
  for (const auto& token : report_.tokens) {
    if (token.state != state) out.push_back(token.name);
  }
  return out;
}

void Pool::leave_files(std::function<void()> done) {
  files_left_ = true;
  gather_.ask({judge_.get()}, Kind::leave_files, {}, [done = std::move(done)](const std::vector<Bytes>&) { done(); });
}

void Pool::keep_files() {
  if (std::exchange(files_left_, false)) take_files();
}

void Pool::take_files() { judge_->send_bytes(Kind::take_files, {}, files_number); }

void Pool::retire(OnIdle on_idle, OnNowhere on_nowhere, std::function<void()> done) {
  retired_ = std::move(done);
  on_idle_ = std::move(on_idle);
  on_nowhere_ = std::move(on_nowhere);
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

// PINs must not stay in memory for as long as sessions do. Only the judge's hooks may need a key later, when it is asked about them again.
void Pool::look_quiet() {
  const bool all = std::ranges::all_of(workers_, [this](const auto& worker) { return !worker->running() || quiet_.contains(worker.get()); });
  if (all && setup_.hook_identities.empty()) keeper_->signal(SIGTERM);
}

void Pool::look_retired() {
  look_quiet();
  if (!retired_ || std::ranges::any_of(workers_, [](const auto& worker) { return worker->running(); })) return;
  log::info("upgrade.drained", {{"pool", ground_.paths.directory}});
  stop(std::exchange(retired_, nullptr));
}

}  // namespace tlspool::supervisor
