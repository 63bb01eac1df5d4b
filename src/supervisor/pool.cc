// SPDX-License-Identifier: Apache-2.0
#include "supervisor/pool.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/log.h"
#include "base/socket.h"
#include "supervisor/identity_log.h"
#include "wire/key_admin.h"

namespace tlspool::supervisor {
namespace {

constexpr std::chrono::seconds drain_deadline{3};
constexpr std::chrono::seconds stop_deadline{5};
constexpr std::size_t most_adopted = 512 << 10;  // a call of a program and what came behind it
constexpr std::size_t most_waiting = 4 << 20;    // bytes towards a process that does not read

using wire::Kind;

}  // namespace

Pool::Pool(Loop& loop, Ground ground, Content content, UniqueFd listener, Events events)
    : loop_(loop),
      ground_(std::move(ground)),
      content_(std::move(content)),
      listener_(std::move(listener)),
      events_(std::move(events)),
      tickets_(loop, {[this] { send_setups(); },
                      [this](const wire::SharedBlob& blob, std::uint64_t number) { judge_->send(Kind::share_blob, blob, number); }}),
      reload_timer_(loop),
      stop_timer_(loop),
      gather_(loop),
      judge_calls_(loop),
      hooks_(loop, [this](const wire::HookEnd& end, UniqueFd socket) { judge_->send(Kind::hook_end, end, 0, only(std::move(socket))); }),
      metrics_(loop, pages_, [this] { return needed_children(); },
               [this] {
                 if (stopped_) look_stopped();
               }) {
  make_children();
}

Pool::~Pool() = default;

void Pool::make_children() {
  keeper_ = std::make_unique<Child>(
      loop_, "keeper", StartAs{"keeper", ground_.paths.keeper, ground_.keeper, ground_.credentials},
      Child::Events{[this] { equip_keeper(); }, [this](Frame f) { from_keeper(std::move(f)); },
                    [this](const std::string& why) { ended(*keeper_, why); }},
      pages_.of("keeper"));
  judge_ = std::make_unique<Child>(
      loop_, "judge", StartAs{"judge", ground_.paths.directory, ground_.judge, {}, ground_.socket_of("judge")},
      Child::Events{[this] { equip_judge(); }, [this](Frame f) { from_judge(std::move(f)); },
                    [this](const std::string& why) { ended(*judge_, why); }},
      pages_.of("judge"));
  if (wants_fetcher()) make_fetcher();
  for (std::uint32_t i = 0; i < ground_.workers; ++i) {
    const std::string name = "worker-" + std::to_string(i);
    workers_.push_back(std::make_unique<Child>(
        loop_, name, StartAs{"worker", "/", ground_.worker, {}},
        Child::Events{[this, i] { equip_worker(i); }, [this, i](Frame f) { from_worker(i, std::move(f)); },
                      [this, i](const std::string& why) { ended(*workers_[i], why); }},
        pages_.of(name)));
  }
}

Status Pool::start() {
  for (Child* child : children()) {
    if (auto done = child->start(); !done) return done;
  }
  apply_metrics();
  return {};
}

std::vector<Child*> Pool::children() const {
  auto out = needed_children();
  if (metrics_.child() != nullptr && (!content_.config.metrics.listen.empty() || metrics_.child()->running())) out.push_back(metrics_.child());
  return out;
}

std::vector<Child*> Pool::needed_children() const {
  std::vector<Child*> out{keeper_.get(), judge_.get()};
  if (fetcher_ && (wants_fetcher() || fetcher_->running())) out.push_back(fetcher_.get());
  for (const auto& worker : workers_) out.push_back(worker.get());
  return out;
}

// What a process is sent when it starts, for the first time or again: its setup, then its ends of the
// channels to the others; the others get theirs anew.

void Pool::send_keeper_setup() {
  keeper_->send(Kind::keeper_setup,
                keeper_setup(content_.config, content_.material, numbers_, ground_.paths, ground_.credentials));
}

void Pool::equip_keeper() {
  metrics_.show(*keeper_);
  send_keeper_setup();
  connect_fetcher();
  if (!reported_) return;
  for (std::uint32_t i = 0; i < workers_.size(); ++i) {
    for (const auto& token : content_.config.tokens) connect_keeper(i, token.name);
    connect_keys(i);
  }
}

void Pool::equip_judge() {
  metrics_.show(*judge_);
  send_judge_setup(content_, 0);
  hooks_.start_anew(content_.hooks);
  hook_controls_.assign(workers_.size(), 0);
  if (!reported_) return;
  send_own_certificates();
  for (std::uint32_t i = 0; i < workers_.size(); ++i) {
    connect_judge(i);
    connect_hook_controls(i);
  }
}

void Pool::equip_worker(std::uint32_t index) {
  metrics_.show(*workers_[index]);
  if (!reported_) return;  // from_keeper() does it: nothing can be said about keys before
  send_setup(index);
  send_audit(index);
  send_staples(index);
  connect_judge(index);
  for (const auto& token : content_.config.tokens) connect_keeper(index, token.name);
  connect_keys(index);
  if (fetcher_) controls_[index] = 0;
  connect_controls(index);
  if (index < hook_controls_.size()) hook_controls_[index] = 0;
  connect_hook_controls(index);
  if (before_) workers_[index]->send(Kind::elsewhere, wire::Elsewhere{before_->workers});
  send_listener(index);
}

void Pool::connect_keeper(std::uint32_t worker, const std::string& token) {
  if (!keeper_->running() || !workers_[worker]->running()) return;
  auto pair = socket_pair(SOCK_SEQPACKET, false);
  if (!pair) return log::error("channel.failed", {{"reason", pair.error().text()}});
  const wire::SignChannel body{worker, token};
  keeper_->send(Kind::sign_channel, body, 0, only(std::move(pair->first)));
  workers_[worker]->send(Kind::sign_end, body, 0, only(std::move(pair->second)));
}

void Pool::connect_keys(std::uint32_t worker) {
  if (!keeper_->running() || !workers_[worker]->running()) return;
  auto pair = socket_pair(SOCK_STREAM, false);
  if (!pair) return log::error("channel.failed", {{"reason", pair.error().text()}});
  keeper_->send(Kind::key_channel, wire::KeyChannel{worker}, 0, only(std::move(pair->first)));
  workers_[worker]->send_bytes(Kind::key_end, {}, 0, only(std::move(pair->second)));
}

void Pool::connect_judge(std::uint32_t worker) {
  if (!judge_->running() || !workers_[worker]->running()) return;
  auto pair = socket_pair(SOCK_STREAM, false);
  if (!pair) return log::error("channel.failed", {{"reason", pair.error().text()}});
  judge_->send_bytes(Kind::judge_channel, {}, 0, only(std::move(pair->first)));
  workers_[worker]->send_bytes(Kind::judge_end, {}, 0, only(std::move(pair->second)));
}

void Pool::from_keeper(Frame frame) {
  if (frame.kind == Kind::pin_ended && after_pin_) return after_pin_();
  if (frame.kind != Kind::keeper_report) return;
  auto report = wire::decode<wire::KeeperReport>(frame.body);
  if (!report) return log::error("keeper.malformed", {{"reason", report.error().text()}});
  keep_chains(*report, report_);
  log_changes(content_.config, numbers_, report_, *report);
  end_sessions_of_lost_tokens(*report);
  report_ = std::move(*report);
  keeper_->ready();
  renew_setup();
  if (reload_) reload_->keeper = false;
  if (!std::exchange(reported_, true)) {
    for (std::uint32_t i = 0; i < workers_.size(); ++i) equip_worker(i);
  }
  look_reloaded();
  look_ready();
}

void Pool::from_judge(Frame frame) {
  const auto kind = static_cast<Kind>(frame.kind);
  if (kind == Kind::shared_blob) {
    if (const auto blob = wire::decode<wire::SharedBlob>(frame.body)) tickets_.answered(*blob, frame.number);
    return;
  }
  if (kind == Kind::hook_failed) {
    if (auto failed = wire::decode<wire::HookFailed>(frame.body)) hooks_.failed(*failed);
    return;
  }
  if (kind == Kind::judge_staple) return take_staple(frame);
  if (kind == Kind::judge_admin_answer) return judge_calls_.answered(frame);
  if (kind == Kind::outcomes_answer || kind == Kind::files_left) return gather_.answered(*judge_, std::move(frame));
  if (kind != Kind::judge_ready) return;
  auto ready = wire::decode<wire::JudgeReady>(frame.body);
  if (!ready) return log::error("judge.malformed", {{"reason", ready.error().text()}});
  anchors_ = ready->anchors;
  if (!ready->problem.empty()) log::error("trust.incomplete", {{"problem", ready->problem}});
  judge_->ready();
  take_revoked(ready->revoked);
  if (taking_files_ && *taking_files_ == frame.number) send_listeners();
  tickets_.ask();
  judged(frame.number, *ready);
  look_ready();
}

void Pool::from_worker(std::uint32_t index, Frame frame) {
  Child& worker = *workers_[index];
  const auto kind = static_cast<Kind>(frame.kind);
  if (kind == Kind::worker_ready) {
    worker.ready();
    look_ready();
  } else if (kind == Kind::executable_query) {
    answer_executable(worker, frame);
  } else if (kind == Kind::adopt) {
    adopt(worker, std::move(frame));
  } else if (kind == Kind::quiet && on_idle_) {
    quiet_.insert(&worker);
    look_quiet();
  } else if (kind == Kind::finished && on_idle_) {
    finished_.insert(&worker);
    worker.send_bytes(Kind::drain, {}, 0);
  } else if (kind == Kind::idle_program && on_idle_ && frame.descriptors.size() == 1) {
    on_idle_(std::move(frame.descriptors.front()));
  } else if (auto call = kind == Kind::visit && frame.descriptors.size() == 1 ? wire::decode<wire::Visit>(frame.body) : fail(Error{}); call) {
    pass_on(*call, std::move(frame.descriptors.front()));
  } else if (kind == Kind::sessions_answer || kind == Kind::counters_answer || kind == Kind::sessions_ended) {
    gather_.answered(worker, std::move(frame));
  } else {
    worker.misbehaved("a frame of kind " + std::to_string(frame.kind));
  }
}

void Pool::answer_executable(Child& worker, const Frame& frame) {
  wire::ExecutableAnswer answer;
  if (auto query = wire::decode<wire::ExecutableQuery>(frame.body)) {
    std::array<char, 4096> path{};
    const std::string link = "/proc/" + std::to_string(query->pid) + "/exe";
    const ssize_t n = readlink(link.c_str(), path.data(), path.size());
    // A path that fills the buffer may be cut off, and then it would be another's.
    if (n > 0 && static_cast<std::size_t>(n) < path.size()) answer.path.assign(path.data(), static_cast<std::size_t>(n));
  }
  worker.send(Kind::executable_answer, answer, frame.number);
}

void Pool::adopt(Child& from, Frame frame) {
  auto adopt = wire::decode<wire::Adopt>(frame.body);
  if (!adopt || adopt->worker >= workers_.size() || adopt->input.size() > most_adopted || frame.descriptors.size() != 1) {
    return from.misbehaved("a control connection for another worker that is none");
  }
  // Who fills another's queue faster than that one reads has his connections closed.
  if (workers_[adopt->worker]->waiting() > most_waiting) return;
  workers_[adopt->worker]->send_bytes(Kind::adopt, frame.body, frame.number, std::move(frame.descriptors));
}

void Pool::enter_pin(const std::string& token, UniqueFd connection) {
  if (keeper_->phase() != Child::Phase::ready) {
    constexpr std::string_view text = "the keeper is being started again; try again in a moment\n";
    (void)transmit(connection.get(), view(text), {}, MSG_DONTWAIT);
    if (after_pin_) after_pin_();
    return;
  }
  keeper_->send(Kind::pin_entry, wire::PinEntry{token}, 0, only(std::move(connection)));
}

void Pool::open_keys(UniqueFd connection) {
  if (keeper_->phase() != Child::Phase::ready) {
    const wire::Failure failure = wire::failure_of({Code::busy, "shared keys", "keeper", "it is being started again", "try again in a moment"});
    (void)send_frame(connection.get(), {wire::KeyAdminKind::key_failed, 0, wire::encode(failure), {}});
    return;
  }
  keeper_->send_bytes(Kind::key_admin, {}, 0, only(std::move(connection)));
}

void Pool::ask_workers(wire::Kind query, Gather::Done done, const Bytes& body) {
  std::vector<Child*> all;
  for (const auto& worker : workers_) all.push_back(worker.get());
  gather_.ask(all, query, body, std::move(done));
}

void Pool::look_ready() {
  if (ready_ || stopped_) return;
  for (const Child* child : needed_children()) {
    if (child->phase() != Child::Phase::ready) return;
  }
  ready_ = true;
  for (Child* child : children()) child->after_end(Child::AfterEnd::start_again);
  events_.ready();
}

void Pool::ended(Child& child, const std::string& reason) {
  gather_.lost(child);
  if (&child == judge_.get()) judge_calls_.lost();
  if (&child == judge_.get() && taking_files_) taking_files_ = 0;  // the next one reads them when it starts
  metrics_.hide(child);
  if (stopped_) return look_stopped();
  if (&child == judge_.get() && reload_ && reload_->judge) {
    end_reload(fail({Code::busy, "reload", "judge", reason + " while it looked at the new configuration", "try again"}));
  }
  if (!ready_) return events_.failed(child.name() + ": " + reason);
  if (&child == keeper_.get() && is_retired() && reload_) {
    reload_->keeper = false;  // it does not come back
    look_reloaded();
  }
  look_retired();
}

void Pool::reap() {
  for (Child* child : children()) child->reap();
  hooks_.reap();
}

void Pool::stop(std::function<void()> done) {
  if (stopped_) {
    for (const Child* child : children()) child->signal(SIGKILL);
    return;
  }
  stopped_ = std::move(done);
  listener_.reset();
  // Workers first, while keeper and judge still answer them.
  for (Child* child : children()) child->after_end(Child::AfterEnd::stay_down);
  metrics_.stop();
  for (auto& worker : workers_) worker->send_bytes(Kind::drain, {}, 0);
  stop_timer_.start(drain_deadline, [this] { terminate(); });
  look_stopped();
}

void Pool::terminate() {
  hooks_.end_all();
  for (const Child* child : children()) child->signal(SIGTERM);
  stop_timer_.start(stop_deadline - drain_deadline, [this] {
    for (const Child* child : children()) {
      if (child->running()) log::warning("process.killed", {{"name", child->name()}, {"reason", "it did not end in time"}});
      child->signal(SIGKILL);
    }
  });
}

void Pool::look_stopped() {
  const auto gone = [](const auto& child) { return !child->running(); };
  if (!std::all_of(workers_.begin(), workers_.end(), gone)) return;
  const auto all = children();
  if (!std::all_of(all.begin(), all.end(), gone)) {
    if (!std::exchange(drained_, true)) terminate();
    return;
  }
  stop_timer_.stop();
  stopped_();
}

}  // namespace tlspool::supervisor
