// SPDX-License-Identifier: Apache-2.0
// OCSP responses for the pool's own certificates: the judge fetches them, the workers show them.
#include "base/log.h"
#include "supervisor/pool.h"

namespace tlspool::supervisor {

using wire::Kind;

namespace {
constexpr std::size_t most_response = 64 << 10;
constexpr std::size_t most_staples = 10'000;
}  // namespace

void Pool::send_own_certificates() {
  if (judge_->running()) judge_->send(Kind::judge_own, own_certificates(setup_));
}

void Pool::take_staple(const Frame& frame) {
  auto staple = wire::decode<wire::Staple>(frame.body);
  if (!staple) return log::error("judge.malformed", {{"reason", staple.error().text()}});
  if (staple->response.size() > most_response || (staples_.size() >= most_staples && !staples_.contains(staple->leaf))) {
    return judge_->misbehaved("more stapled responses than there are certificates");
  }
  for (const auto& worker : workers_) {
    if (worker->running()) worker->send(Kind::judge_staple, *staple);
  }
  if (staple->response.empty()) {
    staples_.erase(staple->leaf);
  } else {
    staples_[staple->leaf] = std::move(*staple);
  }
}

void Pool::send_staples(std::uint32_t worker) {
  for (const auto& [leaf, staple] : staples_) workers_[worker]->send(Kind::judge_staple, staple);
}

}  // namespace tlspool::supervisor
