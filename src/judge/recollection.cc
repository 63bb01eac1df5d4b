// SPDX-License-Identifier: Apache-2.0
#include "judge/recollection.h"

#include "counters/page.h"

namespace tlspool::judge {
namespace {

/// Counts one verdict when it comes.
class Tally {
 public:
  explicit Tally(wire::Stage stage) : stage_(static_cast<counters::Stage>(stage)) {}
  void operator()(counters::Source source, const wire::ChainVerdict& verdict) const {
    counters::count<counters::Family::verdicts>(stage_, verdict.accepted ? counters::Verdict::accepted : counters::Verdict::refused, source);
    counters::observe<counters::Family::verdict_time>(counters::Clock::now() - began_, source);
  }

 private:
  counters::Stage stage_;
  counters::Clock::time_point began_ = counters::Clock::now();
};

}  // namespace

std::uint64_t Recollection::ask(wire::ChainQuery query, OnVerdict on_verdict) {
  const auto key = outcomes_.key_of(query);
  const bool fresh = query.fresh;
  const Tally tally{query.stage};
  if (key && !fresh) {
    if (const wire::ChainVerdict* found = outcomes_.recall(*key)) {
      tally(counters::Source::remembered, *found);
      on_verdict(*found);
      return 0;
    }
  }
  const auto decided = [tally, on_verdict](wire::ChainVerdict verdict) {
    tally(counters::Source::fresh, verdict);
    on_verdict(std::move(verdict));
  };
  const std::uint64_t number = ++last_;
  if (!key || fresh || !outcomes_.shares() || !questions_.costs(query) || waiting_.size() >= Questions::most_waiting) {
    return decide(number, key, std::move(query), decided) ? 0 : number;
  }
  auto question = std::make_shared<wire::ChainQuery>(std::move(query));
  auto looked = outcomes_.look_up(*key, [this, number, key, question, tally, on_verdict, decided](std::optional<wire::ChainVerdict> found) {
    const auto ended = waiting_.extract(number);
    if (found) {
      tally(counters::Source::shared, *found);
      return on_verdict(*std::move(found));
    }
    decide(number, key, std::move(*question), decided);
  });
  if (auto* cancel = std::get_if<Outcomes::Cancel>(&looked)) {
    waiting_[number] = std::move(*cancel);
    return number;
  }
  return decide(number, key, std::move(*question), decided) ? 0 : number;
}

bool Recollection::decide(std::uint64_t number, const std::optional<Outcomes::Key>& key, wire::ChainQuery query, OnVerdict on_verdict) {
  const auto end = [this, number, key, on_verdict = std::move(on_verdict)](wire::ChainVerdict verdict) {
    const auto ended = waiting_.extract(number);
    outcomes_.judged(key, verdict);
    on_verdict(std::move(verdict));
  };
  const std::uint64_t question = questions_.ask(std::move(query), end);
  if (question == 0) return true;
  waiting_[number] = [this, question] { questions_.cancel(question); };
  return false;
}

void Recollection::cancel(std::uint64_t question) {
  const auto found = waiting_.extract(question);
  if (!found.empty()) found.mapped()();
}

}  // namespace tlspool::judge
