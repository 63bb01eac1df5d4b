// SPDX-License-Identifier: Apache-2.0
// The fetcher: a process that is there only while the configuration has a [[kme]].
#include <signal.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/socket.h"
#include "supervisor/pool.h"

namespace tlspool::supervisor {

using wire::Kind;

namespace {

std::vector<UniqueFd> only(UniqueFd fd) {
  std::vector<UniqueFd> out;
  out.push_back(std::move(fd));
  return out;
}

}  // namespace

void Pool::make_fetcher() {
  fetcher_ = std::make_unique<Child>(
      loop_, "fetcher", StartAs{"fetcher", "/", content_.fetcher, {}},
      Child::Events{[this] { equip_fetcher(); }, [this](Frame f) { from_fetcher(std::move(f)); },
                    [this](const std::string& why) { ended(*fetcher_, why); }});
}

bool Pool::wants_fetcher() const { return !content_.config.kmes.empty(); }

void Pool::send_fetcher_setup() { fetcher_->send(Kind::fetcher_setup, wire::FetcherSetup{content_.config.kmes}); }

void Pool::equip_fetcher() {
  send_fetcher_setup();
  connect_fetcher();
  if (!reported_) return;
  for (std::uint32_t i = 0; i < workers_.size(); ++i) connect_fetcher(i);
}

void Pool::connect_fetcher() {
  if (!fetcher_ || !fetcher_->running() || !keeper_->running()) return;
  auto pair = socket_pair(SOCK_STREAM, false);
  if (!pair) return log::error("channel.failed", {{"reason", pair.error().text()}});
  keeper_->send_bytes(Kind::fetcher_channel, {}, 0, only(std::move(pair->first)));
  fetcher_->send_bytes(Kind::fetcher_end, {}, 0, only(std::move(pair->second)));
}

void Pool::connect_fetcher(std::uint32_t worker) {
  if (!fetcher_ || !fetcher_->running() || !workers_[worker]->running()) return;
  auto pair = socket_pair(SOCK_STREAM, false);
  if (!pair) return log::error("channel.failed", {{"reason", pair.error().text()}});
  workers_[worker]->send_bytes(Kind::fetcher_control, {}, 0, only(std::move(pair->first)));
  fetcher_->send_bytes(Kind::fetcher_control_end, {}, 0, only(std::move(pair->second)));
}

void Pool::from_fetcher(const Frame& frame) {
  if (static_cast<Kind>(frame.kind) != Kind::fetcher_ready) {
    return log::warning("fetcher.unexpected", {{"kind", std::to_string(frame.kind)}});
  }
  fetcher_->ready();
  if (reload_) {
    reload_->fetcher = false;
    return look_reloaded();
  }
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
    return send_fetcher_setup();
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
