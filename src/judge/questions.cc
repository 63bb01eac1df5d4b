// SPDX-License-Identifier: Apache-2.0
#include "judge/questions.h"

#include <algorithm>
#include <ctime>

namespace tlspool::judge {
namespace {

/// What holds where no policy applies, for those who ask how a verdict comes about.
const trust::Expression& usual() {
  static const trust::Expression expression = trust::parse_expression("psk or (chain and name)").value();
  return expression;
}

bool costs_network(const trust::Expression& expression) {
  return std::ranges::any_of(expression.checks, [](const trust::Check& check) { return trust::may_ask_network(check.kind); });
}

wire::ChainVerdict refused(std::string check, std::string reason) {
  wire::ChainVerdict v;
  v.check = std::move(check);
  v.reason = std::move(reason);
  return v;
}

wire::ChainVerdict accept_shared_key(const wire::ChainQuery& query) {
  if (query.expected.empty()) return refused("psk", "the shared key belongs to no known peer");
  wire::ChainVerdict v;
  v.accepted = true;
  v.identity = query.expected;
  v.names = {query.expected};
  v.how = "sharedKey";
  return v;
}

}  // namespace

void Questions::set(Law law) {
  law_ = std::move(law);
  may_cost_ = std::ranges::any_of(law_.policies->expressions(), costs_network);
}

bool Questions::costs(const wire::ChainQuery& query) const {
  if (!may_cost_ || query.expected.empty()) return may_cost_;  // whom it is about is not known without a look at the certificate
  const auto found = law_.policies->find(query.local, query.expected, query.service);
  return std::ranges::any_of(found.policies, [&](const trust::Policy* policy) { return costs_network(law_.policies->expression(*policy)); });
}

std::uint64_t Questions::ask(wire::ChainQuery query, OnVerdict on_verdict) {
  auto subject = std::make_shared<Subject>();
  subject->now = std::time(nullptr);
  subject->anchors = law_.anchors;
  if (query.stage == wire::Stage::authorization) {
    wire::ChainVerdict v;
    v.accepted = true;
    v.identity = query.expected;
    on_verdict(std::move(v));
    return 0;
  }
  if (query.connection.shared_key == wire::SharedKeyUse::none) {
    auto presented = trust::present(*law_.anchors, query, subject->now);
    if (!presented) {
      on_verdict(std::move(presented.error()));
      return 0;
    }
    subject->presented = std::move(*presented);
  }
  subject->query = std::move(query);
  const wire::ChainQuery& q = subject->query;
  subject->identity = !q.expected.empty() ? q.expected : subject->presented && !subject->presented->names.empty() ? subject->presented->names.front() : "";
  std::vector<Condition> conditions;
  for (const trust::Policy* policy : law_.policies->find(q.local, subject->identity, q.service).policies) {
    conditions.push_back({&law_.policies->expression(*policy), policy->where, policy->selects()});
  }
  if (conditions.empty() && !q.explain) {
    on_verdict(subject->presented ? trust::judge_presented(*subject->presented, q, subject->now) : accept_shared_key(q));
    return 0;
  }
  if (conditions.empty()) conditions.push_back({&usual(), "", ""});
  return judge_by(std::move(conditions), std::move(subject), std::move(on_verdict));
}

std::uint64_t Questions::judge_by(std::vector<Condition> conditions, std::shared_ptr<const Subject> subject, OnVerdict on_verdict) {
  if (waiting_.size() >= most_waiting) {
    on_verdict(refused("judge", "too many peers wait for a verdict; try again in a moment"));
    return 0;
  }
  const std::uint64_t number = ++last_;
  auto made = std::make_unique<Case>(loop_, law_, std::move(subject), std::move(conditions));
  Case* begun = made.get();
  waiting_.emplace(number, std::move(made));
  begun->start([this, number, on_verdict = std::move(on_verdict)](wire::ChainVerdict verdict) {
    const auto ended = waiting_.extract(number);  // stays until the callback is out of it
    on_verdict(std::move(verdict));
  });
  return waiting_.contains(number) ? number : 0;
}

}  // namespace tlspool::judge
