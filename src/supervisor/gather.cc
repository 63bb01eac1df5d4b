// SPDX-License-Identifier: Apache-2.0
#include "supervisor/gather.h"

namespace tlspool::supervisor {

void Gather::ask(const std::vector<Child*>& children, wire::Kind query, const Bytes& body, Done done) {
  const std::uint64_t number = ++last_;
  Round& round = rounds_[number];
  round.done = std::move(done);
  round.timer = std::make_unique<Timer>(loop_);
  for (Child* child : children) {
    if (child->phase() != Child::Phase::ready) continue;
    child->send_bytes(query, body, number);
    round.missing.insert(child);
  }
  round.timer->start(round.missing.empty() ? std::chrono::seconds(0) : deadline, [this, number] { finish(number); });
}

void Gather::answered(const Child& from, Frame frame) {
  const auto found = rounds_.find(frame.number);
  if (found == rounds_.end() || found->second.missing.erase(&from) == 0) return;
  found->second.answers.push_back(std::move(frame.body));
  if (found->second.missing.empty()) finish(frame.number);
}

void Gather::lost(const Child& child) {
  for (auto& [number, round] : rounds_) {
    // Later: who asks may ask again, and this is no time to look at a list that changes.
    if (round.missing.erase(&child) != 0 && round.missing.empty()) round.timer->start(std::chrono::seconds(0), [this, n = number] { finish(n); });
  }
}

void Gather::finish(std::uint64_t number) {
  auto node = rounds_.extract(number);
  if (!node.empty()) node.mapped().done(std::move(node.mapped().answers));
}

}  // namespace tlspool::supervisor
