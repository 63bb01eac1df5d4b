// SPDX-License-Identifier: Apache-2.0
#include "judge/case.h"

#include <openssl/x509_vfy.h>

#include <algorithm>

#include "base/contains.h"
#include "judge/local_checks.h"
#include "trust/expression_explain.h"

namespace tlspool::judge {
namespace {

using trust::Answer;
using trust::CheckKind;
using trust::Outcome;

constexpr std::int64_t an_hour = 60 * 60;

/// What vouches for a peer, the strongest first; of several the first is named.
constexpr std::pair<CheckKind, const char*> vouchers[] = {{CheckKind::chain, "chain"}, {CheckKind::dane, "dane"}, {CheckKind::dane_if_present, "dane"},
                                                           {CheckKind::pin, "pin"}, {CheckKind::pin_or_first_use, "pin"}};

/// Where a check stands so that a yes of it helps: not below a `not`, and not as a condition.
void collect_wanted_yes(const trust::Node& node, std::vector<std::size_t>& out) {
  switch (node.kind) {
    case trust::Node::Kind::check: out.push_back(node.check); return;
    case trust::Node::Kind::negation: return;
    case trust::Node::Kind::all:
    case trust::Node::Kind::any:
      for (const trust::Node& part : node.parts) collect_wanted_yes(part, out);
      return;
    case trust::Node::Kind::choice:
      collect_wanted_yes(node.parts[1], out);
      collect_wanted_yes(node.parts[2], out);
      return;
  }
}

}  // namespace

Case::Case(Loop& loop, Law law, SubjectPtr subject, std::vector<Condition> conditions)
    : loop_(loop), law_(std::move(law)), subject_(std::move(subject)), conditions_(std::move(conditions)) {
  for (const Condition& condition : conditions_) {
    std::vector<std::size_t>& numbers = numbers_.emplace_back();
    for (const trust::Check& check : condition.expression->checks) {
      const auto known = std::find_if(asked_.begin(), asked_.end(), [&](const Asked& a) { return a.check == check; });
      numbers.push_back(static_cast<std::size_t>(known - asked_.begin()));
      if (known == asked_.end()) asked_.push_back({check, {Answer::pending, {}, 0, false}, false, {}});
    }
  }
}

Case::~Case() {
  for (Asked& asked : asked_) {
    if (asked.cancel) asked.cancel();
  }
}

void Case::start(OnVerdict on_verdict) {
  on_verdict_ = std::move(on_verdict);
  go_on();
}

trust::Answers Case::answers_for(std::size_t condition) const {
  trust::Answers out;
  for (const std::size_t number : numbers_[condition]) out.push_back(asked_[number].answer.answer);
  return out;
}

std::vector<std::size_t> Case::still_wanted(bool all) const {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < conditions_.size(); ++i) {
    if (all) {
      out.insert(out.end(), numbers_[i].begin(), numbers_[i].end());
      continue;
    }
    for (const std::size_t check : trust::wanted(*conditions_[i].expression, answers_for(i))) out.push_back(numbers_[i][check]);
  }
  return out;
}

bool Case::ask(std::size_t number) {
  Asked& asked = asked_[number];
  asked.started = true;
  auto said = law_.sources->ask(subject_, asked.check, [this, number](CheckAnswer answer) { answered(number, std::move(answer)); });
  if (auto* cancel = std::get_if<Source::Cancel>(&said)) {
    asked.cancel = std::move(*cancel);
    return false;
  }
  asked.answer = std::get<CheckAnswer>(std::move(said));
  return true;
}

void Case::answered(std::size_t number, CheckAnswer answer) {
  asked_[number].cancel = nullptr;
  asked_[number].answer = std::move(answer);
  go_on();
}

// Until nothing more can be asked, or the outcome is certain.
void Case::go_on() {
  const bool all = subject_->query.explain;
  while (true) {
    bool waits = false;
    std::vector<std::size_t> fresh;
    for (const std::size_t number : still_wanted(all)) {
      const Asked& asked = asked_[number];
      if (asked.started) {
        waits = waits || asked.answer.answer == Answer::pending;
      } else if (!contains(fresh, number)) {
        fresh.push_back(number);
      }
    }
    const Condition* failed = nullptr;
    std::size_t failed_at = 0;
    bool certain = true;
    for (std::size_t i = 0; i < conditions_.size() && failed == nullptr; ++i) {
      const Outcome outcome = trust::evaluate(*conditions_[i].expression, answers_for(i));
      if (outcome == Outcome::fails) {
        failed = &conditions_[i];
        failed_at = i;
      }
      certain = certain && outcome == Outcome::holds;
    }
    const bool told_all = !all || (fresh.empty() && !waits);
    if ((failed != nullptr || certain) && told_all) return finish(failed, failed_at);
    // What the subject alone answers first: it may make the rest needless.
    std::vector<std::size_t> local;
    for (const std::size_t number : fresh) {
      if (auto answer = check_locally(*subject_, asked_[number].check)) {
        asked_[number].started = true;
        asked_[number].answer = *std::move(answer);
        local.push_back(number);
      }
    }
    if (!local.empty()) continue;
    bool any_answered = false;
    for (const std::size_t number : fresh) any_answered = ask(number) || any_answered;
    if (any_answered) continue;
    if (!timer_) {
      timer_ = std::make_unique<Timer>(loop_);
      timer_->start(deadline, [this] { expired(); });
    }
    return;
  }
}

void Case::expired() {
  for (Asked& asked : asked_) {
    if (!asked.started || asked.answer.answer != Answer::pending) continue;
    if (asked.cancel) std::exchange(asked.cancel, nullptr)();
    asked.answer = no_answer("no answer came within " + std::to_string(deadline.count() / 1000) + " s");
  }
  go_on();
}

void Case::finish(const Condition* failed, std::size_t index) {
  wire::ChainVerdict verdict = failed != nullptr ? refuse(*failed, index) : accept();
  if (subject_->query.explain) verdict.explanation = explanation();
  verdict.keep = keep(verdict.accepted);
  verdict.decided_by.policy = failed != nullptr ? failed->where : all_policies();
  timer_.reset();
  const OnVerdict on_verdict = std::move(on_verdict_);
  on_verdict(std::move(verdict));  // may destroy this
}

// A refusal for want of an answer is another one when the answer comes; an acceptance is true whatever that says.
wire::Keep Case::keep(bool accepted) const {
  wire::Keep out;
  for (const Asked& asked : asked_) {
    if (!asked.started) continue;
    out.unsure = out.unsure || (!accepted && asked.answer.answer == Answer::unknown);
    // Pins may change any moment, cost nothing, and are looked up for their own sake, too: whose key has changed is noted.
    out.unsure = out.unsure || trust::rests_on_memory(asked.check.kind);
    out.cost = out.cost || trust::may_ask_network(asked.check.kind);
    if (asked.answer.valid_until != 0) out.until = out.until == 0 ? asked.answer.valid_until : std::min(out.until, asked.answer.valid_until);
  }
  return out;
}

std::string Case::all_policies() const {
  std::string out;
  for (const Condition& condition : conditions_) {
    if (!condition.where.empty()) out += (out.empty() ? "" : ", ") + condition.where;
  }
  return out;
}

wire::ChainVerdict Case::accept() const {
  wire::ChainVerdict v;
  if (subject_->identity.empty()) {
    v.check = "name";
    v.reason = "the peer shows no name, so there is nothing to know it by; it must have a certificate with a subject alternative name";
    v.x509_error = X509_V_ERR_HOSTNAME_MISMATCH;
    return v;
  }
  v.identity = subject_->identity;
  if (subject_->presented) v.names = subject_->presented->names;
  for (const Asked& asked : asked_) {
    if (asked.answer.answer != Answer::yes || asked.answer.valid_until == 0) continue;
    v.valid_until = v.valid_until == 0 ? asked.answer.valid_until : std::min(v.valid_until, asked.answer.valid_until);
  }
  for (const auto& [kind, how] : vouchers) {
    const bool vouches = std::any_of(asked_.begin(), asked_.end(), [vouches_by = kind](const Asked& a) {
      return a.check.kind == vouches_by && a.answer.answer == Answer::yes && !a.answer.by_absence;
    });
    if (v.how.empty() && vouches) v.how = how;
  }
  if (!subject_->presented) {
    v.how = "sharedKey";
    v.names = {v.identity};
  } else if (v.how.empty()) {
    v.how = "policy";
  }
  if (v.how == "chain") v.anchor = tls::subject_of(subject_->presented->path->certificates.back().get());
  if (v.valid_until == 0) {
    const std::int64_t end = subject_->presented ? trust::seconds_of(X509_get0_notAfter(subject_->leaf())) : 0;
    v.valid_until = std::max<std::int64_t>(end, subject_->now + an_hour);
  }
  v.accepted = true;
  return v;
}

wire::ChainVerdict Case::refuse(const Condition& failed, std::size_t index) const {
  wire::ChainVerdict v;
  v.check = "policy";
  std::vector<std::size_t> hoped;
  collect_wanted_yes(failed.expression->root, hoped);
  std::string said;
  for (const std::size_t check : hoped) {
    const Asked& asked = asked_[numbers_[index][check]];
    if (asked.answer.answer != Answer::no && asked.answer.answer != Answer::unknown) continue;
    if (said.find("; " + asked.check.text() + ":") != std::string::npos) continue;
    if (v.check == "policy") v.check = asked.check.text();
    said += "; " + asked.check.text() + ": " + (asked.answer.answer == Answer::no ? "no, " : "no answer, ") + asked.answer.reason;
    const bool chain = asked.check.kind == CheckKind::chain && subject_->presented && !subject_->presented->path;
    if (chain && v.x509_error == 0) {
      v.x509_error = subject_->presented->path.error().x509_error;
      v.certificate = subject_->presented->path.error().certificate;
    }
    if (asked.check.kind == CheckKind::name && v.x509_error == 0) v.x509_error = X509_V_ERR_HOSTNAME_MISMATCH;
  }
  if (v.certificate.empty() && subject_->presented) v.certificate = tls::subject_of(subject_->leaf());
  if (v.x509_error == 0) v.x509_error = X509_V_ERR_APPLICATION_VERIFICATION;
  v.reason = "the policy " + (failed.where.empty() ? "of a pool without [[policy]]" : "at " + failed.where + " (for " + failed.selects + ")") +
             " does not hold: " + trust::text(*failed.expression) + said;
  return v;
}

std::string Case::explanation() const {
  std::string out;
  for (std::size_t i = 0; i < conditions_.size(); ++i) {
    std::vector<std::string> reasons;
    for (const std::size_t number : numbers_[i]) reasons.push_back(asked_[number].answer.reason);
    const Condition& c = conditions_[i];
    out += c.where.empty() ? "no [[policy]] applies, so the default does\n" : "policy at " + c.where + ", for " + c.selects + "\n";
    out += trust::render(trust::explain(*c.expression, answers_for(i), reasons));
  }
  return out;
}

}  // namespace tlspool::judge
