// SPDX-License-Identifier: Apache-2.0
// Control connections by which the judge reaches services of hooks over TLS that workers make.
#include <sys/socket.h>

#include <algorithm>

#include "base/log.h"
#include "base/socket.h"
#include "supervisor/pool.h"

namespace tlspool::supervisor {
namespace {

using wire::Kind;

// From the judge to each worker. One carries one handshake at a time.
constexpr std::size_t controls_a_worker = 4;

}  // namespace

bool Pool::wants_hook_controls() const {
  const auto& hooks = content_.config.authorization.setup.hooks;
  return std::any_of(hooks.begin(), hooks.end(), [](const wire::HookSetup& hook) { return hook.url.starts_with("https://"); });
}

void Pool::connect_hook_controls(std::uint32_t worker) {
  if (!wants_hook_controls() || !judge_->running() || !workers_[worker]->running()) return;
  hook_controls_.resize(workers_.size());
  for (; hook_controls_[worker] < controls_a_worker; ++hook_controls_[worker]) {
    auto pair = socket_pair(SOCK_STREAM, true);
    if (!pair) return log::error("channel.failed", {{"reason", pair.error().text()}});
    workers_[worker]->send_bytes(Kind::hook_control, {}, 0, only(std::move(pair->first)));
    judge_->send_bytes(Kind::hook_control_end, {}, 0, only(std::move(pair->second)));
  }
}

}  // namespace tlspool::supervisor
