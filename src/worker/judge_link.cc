// SPDX-License-Identifier: Apache-2.0
#include "worker/judge_link.h"

#include "base/log.h"

namespace tlspool::worker {
namespace {

wire::ChainVerdict no_verdict(std::string reason) {
  wire::ChainVerdict v;
  v.check = "judge";
  v.reason = std::move(reason);
  return v;
}

}  // namespace

void JudgeLink::connect(UniqueFd socket) {
  lost();
  channel_ = std::make_unique<Channel>(
      loop_, std::move(socket), [this](Frame frame) { answered(std::move(frame)); },
      [this] {
        log::warning("judge.gone");
        lost();
      });
}

std::uint64_t JudgeLink::ask(const wire::ChainQuery& query, OnVerdict on_verdict) {
  if (!channel_ || !channel_->open()) return 0;
  const std::uint64_t number = ++last_number_;
  waiting_[number] = {std::move(on_verdict), counters::Clock::now()};
  channel_->send(wire::Kind::chain_query, number, wire::encode(query));
  return number;
}

void JudgeLink::answered(Frame frame) {
  const auto found = waiting_.find(frame.number);
  if (frame.kind != wire::Kind::chain_verdict || found == waiting_.end()) return;
  counters::observe<counters::Family::judge_wait>(counters::Clock::now() - found->second.since);
  OnVerdict on_verdict = std::move(found->second.on_verdict);
  waiting_.erase(found);
  auto verdict = wire::decode<wire::ChainVerdict>(frame.body);
  on_verdict(verdict ? std::move(*verdict) : no_verdict("the judge's answer could not be read"));
}

void JudgeLink::lost() {
  auto orphans = std::exchange(waiting_, {});
  for (auto& [number, orphan] : orphans) orphan.on_verdict(no_verdict("the judge went away; try again in a moment"));
}

}  // namespace tlspool::worker
