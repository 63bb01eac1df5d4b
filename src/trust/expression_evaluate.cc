// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "trust/expression.h"
#include "trust/expression_lanes.h"

namespace tlspool::trust {
namespace {

Answer answer_of(const Answers& answers, std::size_t check) { return check < answers.size() ? answers[check] : Answer::pending; }

Shown shown_check(Answer answer) {
  switch (answer) {
    case Answer::pending: return {false, false, true, true};
    case Answer::yes: return {true, false, true, false};
    case Answer::no: return {false, true, false, true};
    case Answer::unknown: return {};
  }
  return {};
}

Shown swapped(const Shown& s) { return {s.is_false, s.is_true, s.may_be_false, s.may_be_true}; }

Shown shown_list(const Node& node, const Answers& answers) {
  const bool all = node.kind == Node::Kind::all;
  Shown out{all, !all, all, !all};
  for (const Node& part : node.parts) {
    const Shown s = shown(part, answers);
    out.is_true = all ? out.is_true && s.is_true : out.is_true || s.is_true;
    out.is_false = all ? out.is_false || s.is_false : out.is_false && s.is_false;
    out.may_be_true = all ? out.may_be_true && s.may_be_true : out.may_be_true || s.may_be_true;
    out.may_be_false = all ? out.may_be_false || s.may_be_false : out.may_be_false && s.may_be_false;
  }
  return out;
}

Shown shown_choice(const Node& node, const Answers& answers) {
  const Shown c = shown(node.parts[0], answers);
  const Shown a = shown(node.parts[1], answers);
  const Shown b = shown(node.parts[2], answers);
  return {(c.is_true && a.is_true) || (c.is_false && b.is_true), (c.is_true && a.is_false) || (c.is_false && b.is_false),
          (c.may_be_true && a.may_be_true) || (c.may_be_false && b.may_be_true),
          (c.may_be_true && a.may_be_false) || (c.may_be_false && b.may_be_false)};
}

/// Collects the checks by which a part may still come to be shown true, or false.
class Collector {
 public:
  explicit Collector(const Answers& answers) : answers_(answers) {}

  void collect(const Node& node, bool as) {
    const Shown s = shown(node, answers_);
    // Shown already, or out of reach: no answer makes a difference here.
    if (as ? s.is_true || !s.may_be_true : s.is_false || !s.may_be_false) return;
    switch (node.kind) {
      case Node::Kind::check: out_.push_back(node.check); break;
      case Node::Kind::negation: collect(node.parts[0], !as); break;
      case Node::Kind::all:
      case Node::Kind::any:
        for (const Node& part : node.parts) collect(part, as);
        break;
      case Node::Kind::choice:
        collect_branch(node.parts[0], true, node.parts[1], as);
        collect_branch(node.parts[0], false, node.parts[2], as);
        break;
    }
  }

  std::vector<std::size_t> take() {
    std::sort(out_.begin(), out_.end());
    out_.erase(std::unique(out_.begin(), out_.end()), out_.end());
    return std::move(out_);
  }

 private:
  void collect_branch(const Node& condition, bool value, const Node& branch, bool as) {
    const Shown c = shown(condition, answers_);
    const Shown b = shown(branch, answers_);
    if (!(value ? c.may_be_true : c.may_be_false) || !(as ? b.may_be_true : b.may_be_false)) return;
    collect(condition, value);
    collect(branch, as);
  }

  const Answers& answers_;
  std::vector<std::size_t> out_;
};

}  // namespace

Shown shown(const Node& node, const Answers& answers) {
  switch (node.kind) {
    case Node::Kind::check: return shown_check(answer_of(answers, node.check));
    case Node::Kind::negation: return swapped(shown(node.parts[0], answers));
    case Node::Kind::all:
    case Node::Kind::any: return shown_list(node, answers);
    case Node::Kind::choice: return shown_choice(node, answers);
  }
  return {};
}

Outcome evaluate(const Expression& expression, const Answers& answers) {
  // An answer only ever adds to what is shown, so what is shown without the pending ones stays shown.
  const Shown s = shown(expression.root, answers);
  if (s.is_true) return Outcome::holds;
  if (!s.may_be_true) return Outcome::fails;
  // may_be_true looks at each mention of a check by itself: it takes `dane` and `not dane` both for possible. For the
  // same reason as above it is enough to look at the pending checks' answers of yes and no.
  std::vector<std::size_t> pending;
  for (std::size_t i = 0; i < expression.checks.size(); ++i) {
    if (answer_of(answers, i) == Answer::pending) pending.push_back(i);
  }
  std::vector<Lanes> checks(expression.checks.size());
  for (std::size_t i = 0; i < checks.size(); ++i) {
    const Shown known = shown_check(answer_of(answers, i));
    checks[i] = {known.is_true ? every_lane : 0, known.is_false ? every_lane : 0};
  }
  for (std::size_t block = 0; block < blocks_of(pending.size()); ++block) {
    for (std::size_t i = 0; i < pending.size(); ++i) checks[pending[i]] = lanes_of(i, block);
    if (lanes_of(expression.root, checks).is_true != 0) return Outcome::undecided;
  }
  return Outcome::fails;
}

std::vector<std::size_t> wanted(const Expression& expression, const Answers& answers) {
  if (evaluate(expression, answers) != Outcome::undecided) return {};
  Collector collector(answers);
  collector.collect(expression.root, true);
  return collector.take();
}

}  // namespace tlspool::trust
