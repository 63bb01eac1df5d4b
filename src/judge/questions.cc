// SPDX-License-Identifier: Apache-2.0
#include "judge/questions.h"

#include <ctime>

namespace tlspool::judge {
namespace {

/// What holds where no policy applies, for those who ask how a verdict comes about.
const trust::Expression& usual() {
  static const trust::Expression expression = trust::parse_expression("psk or (chain and name)").value();
  return expression;
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

/// Of a peer that an administrator has revoked; before anything else is asked about it.
std::optional<wire::ChainVerdict> refuse_revoked(const RevokedStore& revoked, const Subject& subject, const wire::ChainQuery& query) {
  if (revoked.idle()) return std::nullopt;
  trust::PeerFacts peer{{query.expected}, trust::facts_of(subject.leaf())};
  if (subject.presented) peer.names.insert(peer.names.end(), subject.presented->names.begin(), subject.presented->names.end());
  return revoked.refuse(peer);
}

}  // namespace

std::uint64_t Questions::ask(wire::ChainQuery query, OnVerdict on_verdict) {
  auto subject = std::make_shared<Subject>();
  subject->now = std::time(nullptr);
  subject->anchors = law_.anchors;
  if (query.stage == wire::Stage::trust && query.connection.shared_key == wire::SharedKeyUse::none) {
    auto presented = trust::present(*law_.anchors, query, subject->now);
    if (!presented) {
      on_verdict(std::move(presented.error()));
      return 0;
    }
    subject->presented = std::move(*presented);
  }
  if (auto refusal = refuse_revoked(*law_.revoked, *subject, query)) {
    on_verdict(std::move(*refusal));
    return 0;
  }
  if (query.stage == wire::Stage::authorization) {
    wire::ChainVerdict v;
    v.accepted = true;
    v.identity = query.expected;
    on_verdict(std::move(v));
    return 0;
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
