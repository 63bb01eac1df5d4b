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

constexpr const char* too_many = "too many peers wait for a verdict; try again in a moment";

/// What becomes of a peer that is trusted by what it may do.
wire::ChainVerdict with_outcome(wire::ChainVerdict verdict, Authorization::Outcome outcome) {
  std::string explanation = std::move(verdict.explanation);
  if (!explanation.empty()) explanation += "authorization: " + std::string(outcome.allowed ? "yes, " : "no, ") + outcome.reason + "\n";
  if (outcome.valid_until != 0) {
    verdict.valid_until = verdict.valid_until == 0 ? outcome.valid_until : std::min(verdict.valid_until, outcome.valid_until);
  }
  if (outcome.allowed) {
    verdict.attributes = std::move(outcome.attributes);
  } else {
    const std::int64_t valid_until = verdict.valid_until;
    const wire::Keep keep = verdict.keep;
    std::string policy = std::move(verdict.decided_by.policy);
    verdict = refused("authorization", "it is trusted, and not authorized: " + outcome.reason);
    verdict.valid_until = valid_until;
    verdict.keep = keep;
    verdict.decided_by.policy = std::move(policy);
  }
  verdict.decided_by.rule = std::move(outcome.rule);
  verdict.keep.cost = verdict.keep.cost || outcome.asked_hooks;
  verdict.explanation = std::move(explanation);
  return verdict;
}

wire::ChainVerdict accept_shared_key(const wire::ChainQuery& query) {
  if (query.connection.shared_key == wire::SharedKeyUse::none) return refused("psk", "neither a certificate nor a shared key proves the peer");
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

void Questions::set(Law law) {
  law_ = std::move(law);
  asks_hooks_ = law_.rules->asks_hooks();
  may_cost_ = asks_hooks_ || std::ranges::any_of(law_.policies->expressions(), costs_network);
}

bool Questions::costs(const wire::ChainQuery& query) const {
  if (asks_hooks_) return true;
  if (query.stage == wire::Stage::authorization) return false;
  if (!may_cost_ || query.expected.empty()) return may_cost_;  // whom it is about is not known without a look at the certificate
  const auto found = law_.policies->find(query.local, query.expected, query.service);
  return std::ranges::any_of(found.policies, [&](const trust::Policy* policy) { return costs_network(law_.policies->expression(*policy)); });
}

std::uint64_t Questions::ask(wire::ChainQuery query, OnVerdict on_verdict) {
  auto subject = std::make_shared<Subject>();
  subject->now = std::time(nullptr);
  subject->anchors = law_.anchors;
  if (query.stage != wire::Stage::authorization && query.connection.shared_key == wire::SharedKeyUse::none) {
    auto presented = trust::present(*law_.anchors, known_, query, subject->now);
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
    subject->query = std::move(query);
    subject->identity = subject->query.expected;
    return authorize(0, law_, subject, std::move(v), std::move(on_verdict));
  }
  subject->query = std::move(query);
  const wire::ChainQuery& q = subject->query;
  subject->identity = !q.expected.empty() ? q.expected : subject->presented && !subject->presented->names.empty() ? subject->presented->names.front() : "";
  std::vector<Condition> conditions;
  for (const trust::Policy* policy : law_.policies->find(q.local, subject->identity, q.service).policies) {
    conditions.push_back({&law_.policies->expression(*policy), policy->where, policy->selects()});
  }
  if (conditions.empty() && !q.explain) {
    auto verdict = subject->presented ? trust::judge_presented(*subject->presented, q, subject->now) : accept_shared_key(q);
    return authorize(0, law_, subject, std::move(verdict), std::move(on_verdict));
  }
  if (conditions.empty()) conditions.push_back({&usual(), "", ""});
  return judge_by(std::move(conditions), std::move(subject), std::move(on_verdict));
}

std::uint64_t Questions::judge_by(std::vector<Condition> conditions, SubjectPtr subject, OnVerdict on_verdict) {
  if (waiting_.size() >= most_waiting) {
    on_verdict(refused("judge", too_many));
    return 0;
  }
  const std::uint64_t number = ++last_;
  auto made = std::make_unique<Case>(loop_, law_, subject, std::move(conditions));
  Case* begun = made.get();
  waiting_.emplace(number, Waiting{std::move(made), nullptr});
  begun->start([this, number, law = law_, subject, on_verdict = std::move(on_verdict)](wire::ChainVerdict verdict) mutable {
    const auto ended = waiting_.extract(number);  // stays until the callback is out of it
    authorize(number, std::move(law), subject, std::move(verdict), std::move(on_verdict));
  });
  return waiting_.contains(number) ? number : 0;
}

std::uint64_t Questions::authorize(std::uint64_t number, Law law, const SubjectPtr& subject, wire::ChainVerdict verdict, OnVerdict on_verdict) {
  if (!verdict.accepted || law.rules->asks_nothing() || subject->query.stage == wire::Stage::trust_alone) {
    if (verdict.accepted) law.sources->accepted(subject);
    on_verdict(std::move(verdict));
    return 0;
  }
  if (waiting_.size() >= most_waiting) {
    on_verdict(refused("judge", too_many));
    return 0;
  }
  if (number == 0) number = ++last_;
  authz::Facts facts = facts_of(*subject, verdict);
  verdict.proof = wire::encode(wire::Proof{facts.names, facts.issuer, facts.anchor, facts.how});
  auto made = std::make_unique<Authorization>(law.rules, law.hooks, std::move(facts));
  Authorization* begun = made.get();
  waiting_.emplace(number, Waiting{nullptr, std::move(made)});
  begun->start([this, number, sources = law.sources, subject, verdict = std::move(verdict), on_verdict = std::move(on_verdict)](
                   Authorization::Outcome outcome) mutable {
    const auto ended = waiting_.extract(number);
    if (outcome.allowed) sources->accepted(subject);
    on_verdict(with_outcome(std::move(verdict), std::move(outcome)));
  });
  return waiting_.contains(number) ? number : 0;
}

}  // namespace tlspool::judge
