// SPDX-License-Identifier: Apache-2.0
#include "supervisor/refusals.h"

#include "base/log.h"
#include "base/refused_calls.h"
#include "counters/page.h"

namespace tlspool::supervisor {
namespace {
constexpr std::chrono::milliseconds window{1000};
}

Refusals::Refusals(Loop& loop, std::string name) : loop_(loop), name_(std::move(name)), pause_(loop) {}

void Refusals::watch(UniqueFd descriptor) {
  stop();
  held_ = false;
  if (!descriptor.valid()) return;
  descriptor_ = std::move(descriptor);
  poll_ = std::make_unique<Poll>(loop_, descriptor_.get(), [this](int) { ready(); });
  poll_->want(Poll::readable);
}

void Refusals::stop() {
  pause_.stop();
  poll_.reset();
  descriptor_.reset();
}

void Refusals::ready() {
  auto call = refuse_next(descriptor_.get());
  if (!call) return stop();
  if (!*call) return;
  counters::count<counters::Family::sandbox_refusals>(counters::value_of<counters::Kind>(std::string_view(name_).substr(0, name_.find('-'))));
  log::error("sandbox.refused", {{"name", name_}, {"call", (*call)->name}, {"thread", std::to_string((*call)->thread)}});
  if (loop_.now() - second_ >= static_cast<std::uint64_t>(window.count())) {
    second_ = loop_.now();
    count_ = 0;
  }
  if (++count_ < most_a_second) return;
  if (!std::exchange(held_, true)) {
    log::error("sandbox.held", {{"name", name_}, {"reason", "many refused system calls in a second: the next ones wait"}});
  }
  poll_->want(Poll::none);
  pause_.start(window, [this] { poll_->want(Poll::readable); });
}

}  // namespace tlspool::supervisor
