// SPDX-License-Identifier: Apache-2.0
#include "judge/authorization.h"

#include <algorithm>
#include <ctime>

#include "base/text.h"
#include "trust/selector.h"

namespace tlspool::judge {
namespace {

// Users come as a certificate spells them; selectors are normal.
std::string normal(const std::string& identity) {
  if (identity.empty() || trust::is_uri(identity)) return identity;
  auto out = normal_identity(identity);
  return out ? std::move(*out) : identity;
}

}  // namespace

authz::Facts facts_of(const Subject& subject, const wire::ChainVerdict& verdict) {
  const wire::ChainQuery& query = subject.query;
  authz::Facts out;
  out.remote = normal(verdict.identity);
  out.how = verdict.how;
  out.local = query.local;
  out.service = query.service;
  out.role = query.peer_is_server ? wire::role_client : wire::role_server;
  out.uid = query.caller.uid;
  out.executable = query.caller.executable;
  out.shared_key = query.connection.shared_key != wire::SharedKeyUse::none;
  out.now = subject.now;
  out.resumed = query.stage == wire::Stage::authorization && !query.expected.empty();
  if (auto proof = wire::decode<wire::Proof>(query.proof); out.resumed && proof) {
    out.names = std::move(proof->names);
    out.issuer = std::move(proof->issuer);
    out.anchor = std::move(proof->anchor);
    out.how = std::move(proof->how);
  } else if (subject.presented && subject.presented->path) {
    const auto& path = subject.presented->path->certificates;
    out.names = subject.presented->names;
    out.issuer = tls::name_text(X509_get_issuer_name(subject.leaf()));
    out.anchor = tls::name_text(X509_get_subject_name(path.back().get()));
  } else if (!verdict.identity.empty()) {
    out.names = {verdict.identity};
  }
  return out;
}

Authorization::Authorization(std::shared_ptr<const authz::Ruleset> rules, std::shared_ptr<Hooks> hooks, authz::Facts facts)
    : rules_(std::move(rules)), hooks_(std::move(hooks)), facts_(std::move(facts)) {}

Authorization::~Authorization() { cancel_all(); }

void Authorization::start(OnOutcome on_outcome) {
  on_outcome_ = std::move(on_outcome);
  decision_ = rules_->decide(facts_);
  valid_until_ = decision_.valid_until;
  switch (decision_.action) {
    case wire::RuleAction::deny: return refuse(decision_.reason);
    case wire::RuleAction::allow: return allow();
    case wire::RuleAction::ask: break;
  }
  for (const std::string& name : decision_.hooks) {
    if (hooks_->find(name) == nullptr) return refuse("there is no hook " + name);
  }
  for (std::size_t i = 0; i < decision_.hooks.size(); ++i) {
    Asked& asked = asked_.emplace_back();
    asked.hook = decision_.hooks[i];
    asked.cancel = hooks_->find(asked.hook)->ask(facts_, [this, i](Result<authz::HookAnswer> answer) { answered(i, std::move(answer)); });
  }
}

void Authorization::answered(std::size_t number, Result<authz::HookAnswer> answer) {
  Asked& asked = asked_[number];
  asked.cancel = nullptr;
  asked.answered = true;
  if (!answer) return refuse("the hook " + asked.hook + " gave no answer that counts: " + answer.error().reason);
  if (!answer->allow) {
    return refuse("the hook " + asked.hook + " denies it" + (answer->reason.empty() ? "" : ": " + answer->reason) + " (" + decision_.reason + ")",
                  answer->ttl);
  }
  const std::int64_t until = std::time(nullptr) + answer->ttl;
  valid_until_ = valid_until_ == 0 ? until : std::min(valid_until_, until);
  asked.answer = std::move(*answer);
  if (std::all_of(asked_.begin(), asked_.end(), [](const Asked& a) { return a.answered; })) allow();
}

void Authorization::allow() {
  Outcome out;
  out.allowed = true;
  out.attributes = std::move(decision_.attributes);
  out.reason = decision_.reason;
  out.valid_until = valid_until_;
  for (const Asked& asked : asked_) {
    authz::add_attributes(out.attributes, asked.answer.attributes);
    out.reason += "; the hook " + asked.hook + " allows it" + (asked.answer.reason.empty() ? "" : ": " + asked.answer.reason);
  }
  // Each is within its limits; what all say together may not be.
  if (auto done = wire::check_attributes(out.attributes); !done) return refuse("what rules and hooks tell about it is too much: " + done.error().reason);
  finish(std::move(out));
}

void Authorization::refuse(std::string reason, std::uint32_t ttl) {
  cancel_all();
  Outcome out;
  out.reason = std::move(reason);
  // What a hook failed to say, or refused without a ttl, may be another matter in a moment.
  out.valid_until = valid_until_;
  if (!asked_.empty()) {
    const std::int64_t until = static_cast<std::int64_t>(facts_.now) + ttl;
    out.valid_until = out.valid_until == 0 ? until : std::min(out.valid_until, until);
  }
  finish(std::move(out));
}

void Authorization::cancel_all() {
  for (Asked& asked : asked_) {
    if (auto cancel = std::exchange(asked.cancel, nullptr)) cancel();
  }
}

void Authorization::finish(Outcome outcome) {
  const OnOutcome on_outcome = std::move(on_outcome_);
  outcome.asked_hooks = !asked_.empty();
  outcome.rule = decision_.where;
  on_outcome(std::move(outcome));
}

}  // namespace tlspool::judge
