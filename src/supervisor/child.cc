// SPDX-License-Identifier: Apache-2.0
#include "supervisor/child.h"

#include <signal.h>
#include <sys/wait.h>

#include "base/log.h"

namespace tlspool::supervisor {

Child::Child(Loop& loop, std::string name, StartAs as, Events events, const counters::Page* page)
    : loop_(loop), name_(std::move(name)), as_(std::move(as)), events_(std::move(events)), page_(page), refusals_(loop, name_), timer_(loop) {}

Status Child::start() {
  auto started = start_process(as_);
  if (!started) return fail(std::move(started.error()));
  pid_ = started->pid;
  phase_ = Phase::starting;
  uv_update_time(loop_.raw());
  born_ = loop_.now();
  channel_ = std::make_unique<Channel>(
      loop_, std::move(started->channel), limits(), [this](Frame frame) { took(std::move(frame)); },
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
  return {};
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
  if (static_cast<wire::Kind>(frame.kind) != wire::Kind::sandbox_watch) return events_.frame(std::move(frame));
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
}

void Child::after_end(AfterEnd what) {
  after_end_ = what;
  if (what == AfterEnd::stay_down && phase_ == Phase::down) timer_.stop();
}

void Child::send_bytes(wire::Kind kind, ByteView body, std::uint64_t number, std::vector<UniqueFd> descriptors) {
  if (!channel_ || !channel_->open()) return;
  channel_->send(static_cast<std::uint16_t>(kind), number, body, std::move(descriptors));
}

void Child::signal(int number) const {
  if (pid_ > 0) kill(pid_, number);
}

void Child::reap() {
  int status = 0;
  if (pid_ <= 0 || waitpid(pid_, &status, WNOHANG) != pid_) return;
  pid_ = 0;
  ended(describe_end(status));
}

void Child::ended(const std::string& reason) {
  phase_ = Phase::down;
  channel_.reset();
  refusals_.watch({});
  timer_.stop();
  if (after_end_ == AfterEnd::start_again) {
    const auto wait = backoff_.next(std::chrono::milliseconds(loop_.now() - born_));
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
