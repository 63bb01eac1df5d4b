// SPDX-License-Identifier: Apache-2.0
#include "supervisor/child.h"

#include <signal.h>
#include <sys/wait.h>

#include <utility>

#include "base/log.h"
#include "supervisor/outside.h"

namespace tlspool::supervisor {

Child::Child(Loop& loop, std::string name, StartAs as, Events events, const counters::Page* page)
    : loop_(loop), name_(std::move(name)), as_(std::move(as)), events_(std::move(events)), page_(page), refusals_(loop, name_), timer_(loop) {}

Status Child::start() {
  uv_update_time(loop_.raw());
  born_ = loop_.now();
  if (!as_.socket.empty()) return ask();
  auto started = start_process(as_);
  if (!started) return fail(std::move(started.error()));
  pid_ = started->pid;
  begin(std::move(started->channel));
  return {};
}

Status Child::ask() {
  auto socket = ask_for_process(as_.socket);
  if (!socket) return fail(std::move(socket.error()));
  outside_ = std::move(*socket);
  phase_ = Phase::starting;
  timer_.start(start_deadline, [this] { ended("systemd did not start it in time"); });
  outside_poll_ = std::make_unique<Poll>(loop_, outside_.get(), [this](int) { greeted(); });
  outside_poll_->want(Poll::readable);
  return {};
}

void Child::greeted() {
  const auto pid = take_greeting(outside_.get());
  if (!pid) return ended(pid.error().text());
  if (!pid->has_value()) return;
  auto process = open_process(**pid);
  if (!process) return ended(process.error().text());
  pid_ = **pid;
  outside_poll_.reset();
  UniqueFd channel = std::exchange(outside_, std::move(*process));
  outside_poll_ = std::make_unique<Poll>(loop_, outside_.get(), [this](int) { ended("its unit has ended"); });
  outside_poll_->want(Poll::readable);
  begin(std::move(channel));
}

void Child::begin(UniqueFd channel) {
  phase_ = Phase::starting;
  channel_ = std::make_unique<Channel>(
      loop_, std::move(channel), limits(), [this](Frame frame) { took(std::move(frame)); },
      [this] {
        // It ends by itself when its channel broke; its own exit status says more than our SIGKILL.
        timer_.start(std::chrono::seconds(2), [this] { signal(SIGKILL); });
      });
  timer_.start(start_deadline, [this] {
    log::error("process.silent", {{"name", name_}, {"reason", "it did not become ready in time"}});
    signal(SIGKILL);
  });
  std::vector<UniqueFd> memory;
  if (page_ != nullptr) {
    if (auto writable = page_->for_writer()) memory = only(std::move(*writable));
  }
  send(wire::Kind::log_setup,
       wire::LogSetup{log::format() == log::Format::json, static_cast<std::uint8_t>(log::level()), name_, true}, 0, std::move(memory));
  events_.started();
}

// What its processes say is read by turns. None of their frames carries more than one descriptor.
Channel::Limits Child::limits() const {
  constexpr std::size_t frames = 64;
  constexpr std::size_t output = 1 << 20;
  return {name_, Channel::max_body, 2, frames, output, SIZE_MAX};
}

void Child::misbehaved(const std::string& what) {
  log::error("process.misbehaved", {{"name", name_}, {"reason", what}});
  signal(SIGKILL);
}

void Child::took(Frame frame) {
  if (frame.kind != wire::Kind::sandbox_watch) return events_.frame(std::move(frame));
  // Once, while nothing has reached the process yet that could have taken it.
  if (phase_ == Phase::starting && !refusals_.watching() && frame.descriptors.size() == 1) {
    return refusals_.watch(std::move(frame.descriptors.front()));
  }
  misbehaved("it gives another descriptor for refused system calls");
}

void Child::ready() {
  if (phase_ != Phase::starting) return;
  phase_ = Phase::ready;
  timer_.stop();
  if (const auto gap = std::exchange(died_, 0); gap != 0) {
    log::info("process.ready", {{"name", name_}, {"after_ms", std::to_string(loop_.now() - gap)}});
  }
}

void Child::after_end(AfterEnd what) {
  after_end_ = what;
  if (what == AfterEnd::stay_down && phase_ == Phase::down) timer_.stop();
}

void Child::send_bytes(wire::Kind kind, ByteView body, std::uint64_t number, std::vector<UniqueFd> descriptors) {
  if (!channel_ || !channel_->open()) return;
  channel_->send(kind, number, body, std::move(descriptors));
}

void Child::signal(int number) const {
  if (pid_ <= 0) return;
  if (as_.socket.empty()) {
    kill(pid_, number);
  } else {
    signal_process(outside_.get(), number);
  }
}

void Child::reap() {
  int status = 0;
  if (pid_ <= 0 || !as_.socket.empty() || waitpid(pid_, &status, WNOHANG) != pid_) return;
  pid_ = 0;
  ended(describe_end(status));
}

void Child::ended(const std::string& reason) {
  const auto died = phase_ == Phase::ready ? Backoff::Died::in_service : Backoff::Died::before_ready;
  if (died == Backoff::Died::in_service) died_ = loop_.now();
  phase_ = Phase::down;
  pid_ = 0;
  channel_.reset();
  outside_poll_.reset();
  outside_.reset();
  refusals_.watch({});
  timer_.stop();
  if (after_end_ == AfterEnd::start_again) {
    const auto wait = backoff_.next(std::chrono::milliseconds(loop_.now() - born_), died);
    log::error("process.died", {{"name", name_}, {"reason", reason}, {"restart_in_ms", std::to_string(wait.count())}});
    timer_.start(wait, [this] { start_again(); });
  }
  events_.ended(reason);
}

void Child::start_again() {
  ++restarts_;
  counters::count<counters::Family::restarts>(counters::value_of<counters::Kind>(as_.role));
  born_ = loop_.now();
  if (auto done = start(); !done) ended(done.error().text());
}

}  // namespace tlspool::supervisor
