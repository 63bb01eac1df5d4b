// SPDX-License-Identifier: Apache-2.0
#include "judge/recollection.h"

namespace tlspool::judge {

std::uint64_t Recollection::ask(wire::ChainQuery query, OnVerdict on_verdict) {
  const auto key = outcomes_.key_of(query);
  if (key) {
    if (const wire::ChainVerdict* found = outcomes_.recall(*key)) {
      on_verdict(*found);
      return 0;
    }
  }
  const std::uint64_t number = ++last_;
  if (!key || !outcomes_.shares() || !questions_.costs(query) || waiting_.size() >= Questions::most_waiting) {
    return decide(number, key, std::move(query), std::move(on_verdict)) ? 0 : number;
  }
  auto question = std::make_shared<wire::ChainQuery>(std::move(query));
  auto looked = outcomes_.look_up(*key, [this, number, key, question, on_verdict](std::optional<wire::ChainVerdict> found) {
    const auto ended = waiting_.extract(number);
    if (found) return on_verdict(*std::move(found));
    decide(number, key, std::move(*question), on_verdict);
  });
  if (auto* cancel = std::get_if<Outcomes::Cancel>(&looked)) {
    waiting_[number] = std::move(*cancel);
    return number;
  }
  return decide(number, key, std::move(*question), std::move(on_verdict)) ? 0 : number;
}

bool Recollection::decide(std::uint64_t number, const std::optional<Outcomes::Key>& key, wire::ChainQuery query, OnVerdict on_verdict) {
  const std::uint64_t question = questions_.ask(std::move(query), [this, number, key, on_verdict = std::move(on_verdict)](wire::ChainVerdict verdict) {
    const auto ended = waiting_.extract(number);
    outcomes_.judged(key, verdict);
    on_verdict(std::move(verdict));
  });
  if (question == 0) return true;
  waiting_[number] = [this, question] { questions_.cancel(question); };
  return false;
}

void Recollection::cancel(std::uint64_t question) {
  const auto found = waiting_.extract(question);
  if (!found.empty()) found.mapped()();
}

}  // namespace tlspool::judge
