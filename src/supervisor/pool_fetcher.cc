// SPDX-License-Identifier: Apache-2.0
// The fetcher: a process that is there only while the configuration has a [[kme]].
#include <signal.h>
#include <sys/socket.h>

#include <algorithm>

#include "base/log.h"
#include "base/socket.h"
#include "supervisor/pool.h"

namespace tlspool::supervisor {
namespace {

using wire::Kind;

// Control connections from the fetcher to one worker. Each carries one handshake at a time: one for each entity.
constexpr std::size_t most_controls = 16;

}  // namespace

void Pool::make_fetcher() {
  controls_.assign(ground_.workers, 0);
  fetcher_ = std::make_unique<Child>(
      loop_, "fetcher", StartAs{"fetcher", "/", content_.fetcher, {}, ground_.socket_of("fetcher")},
      Child::Events{[this] { equip_fetcher(); }, [this](Frame f) { from_fetcher(std::move(f)); },
                    [this](const std::string& why) { ended(*fetcher_, why); }},
      pages_.of("fetcher"));
}

bool Pool::wants_fetcher() const { return !content_.config.kmes.empty(); }

void Pool::send_fetcher_setup() { fetcher_->send(Kind::fetcher_setup, wire::FetcherSetup{content_.config.kmes}); }

void Pool::equip_fetcher() {
  metrics_.show(*fetcher_);
  std::fill(controls_.begin(), controls_.end(), 0);
  send_fetcher_setup();
  connect_fetcher();
  if (!reported_) return;
  for (std::uint32_t i = 0; i < workers_.size(); ++i) connect_controls(i);
}

void Pool::connect_fetcher() {
  if (!fetcher_ || !fetcher_->running() || !keeper_->running()) return;
  auto pair = socket_pair(SOCK_STREAM, false);
  if (!pair) return log::error("channel.failed", {{"reason", pair.error().text()}});
  keeper_->send_bytes(Kind::fetcher_channel, {}, 0, only(std::move(pair->first)));
  fetcher_->send_bytes(Kind::fetcher_end, {}, 0, only(std::move(pair->second)));
}

void Pool::connect_controls(std::uint32_t worker) {
  if (!fetcher_ || !fetcher_->running() || !workers_[worker]->running()) return;
  const std::size_t wanted = std::min(content_.config.kmes.size(), most_controls);
  for (; controls_[worker] < wanted; ++controls_[worker]) {
    auto pair = socket_pair(SOCK_STREAM, true);
    if (!pair) return log::error("channel.failed", {{"reason", pair.error().text()}});
    workers_[worker]->send_bytes(Kind::fetcher_control, {}, 0, only(std::move(pair->first)));
    fetcher_->send_bytes(Kind::fetcher_control_end, {}, 0, only(std::move(pair->second)));
  }
}

void Pool::from_fetcher(const Frame& frame) {
  if (frame.kind != Kind::fetcher_ready) {
    return log::warning("fetcher.unexpected", {{"kind", std::to_string(frame.kind)}});
  }
  fetcher_->ready();
  if (reload_) reload_->fetcher = false;
  look_reloaded();
  look_ready();
}

void Pool::reload_fetcher() {
  if (!wants_fetcher()) {
    if (!fetcher_) return;
    fetcher_->after_end(Child::AfterEnd::stay_down);
    return fetcher_->signal(SIGTERM);
  }
  if (fetcher_ && fetcher_->running()) {
    fetcher_->after_end(Child::AfterEnd::start_again);
    reload_->fetcher = true;
    send_fetcher_setup();
    for (std::uint32_t i = 0; i < workers_.size(); ++i) connect_controls(i);
    return;
  }
  make_fetcher();
  reload_->fetcher = true;
  if (auto done = fetcher_->start(); !done) {
    log::error("process.not_started", {{"name", "fetcher"}, {"reason", done.error().text()}});
    reload_->fetcher = false;
    return;
  }
  if (ready_) fetcher_->after_end(Child::AfterEnd::start_again);
}

}  // namespace tlspool::supervisor
