// SPDX-License-Identifier: Apache-2.0
// The meaning of expressions said once more, plainly and slowly: every negation goes down to the checks, where "no answer" is
// false under either polarity, and every way in which the pending checks may answer is tried. Shared with the fuzz target.
#pragma once
#include <cstddef>
#include <random>
#include <vector>

#include "trust/expression.h"

namespace tlspool::test {

using trust::Answer;
using trust::Answers;
using trust::Expression;
using trust::Node;
using trust::Outcome;

/// Whether the answers (none pending) show that the part is true, or that it is false.
inline bool shows(const Node& node, bool that, const Answers& answers) {
  const auto part = [&](std::size_t i, bool of_part) { return shows(node.parts[i], of_part, answers); };
  switch (node.kind) {
    case Node::Kind::check: return answers[node.check] == (that ? Answer::yes : Answer::no);
    case Node::Kind::negation: return part(0, !that);
    case Node::Kind::choice: return (part(0, true) && part(1, that)) || (part(0, false) && part(2, that));
    case Node::Kind::all:
    case Node::Kind::any: break;
  }
  const bool every = (node.kind == Node::Kind::all) == that;
  for (std::size_t i = 0; i < node.parts.size(); ++i) {
    if (part(i, that) != every) return !every;
  }
  return every;
}

/// Calls `see` with each way in which the pending ones of `answers` may turn out: 3 to the power of their number.
template <class See>
void each_ending(Answers answers, const See& see, std::size_t from = 0) {
  while (from < answers.size() && answers[from] != Answer::pending) ++from;
  if (from == answers.size()) return see(answers);
  for (const Answer answer : {Answer::yes, Answer::no, Answer::unknown}) {
    answers[from] = answer;
    each_ending(answers, see, from + 1);
  }
}

inline Outcome outcome_by_force(const Expression& e, const Answers& answers) {
  bool may_hold = false;
  bool may_fail = false;
  each_ending(answers, [&](const Answers& ending) { (shows(e.root, true, ending) ? may_hold : may_fail) = true; });
  return may_hold && may_fail ? Outcome::undecided : may_hold ? Outcome::holds : Outcome::fails;
}

/// The pending checks of which some answer makes a difference to some answers of the others.
inline std::vector<std::size_t> wanted_by_force(const Expression& e, const Answers& answers) {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (answers[i] != Answer::pending) continue;
    Answers without = answers;
    without[i] = Answer::unknown;
    bool matters = false;
    each_ending(without, [&](Answers ending) {
      const bool unanswered = shows(e.root, true, ending);
      for (const Answer answer : {Answer::yes, Answer::no}) {
        ending[i] = answer;
        matters = matters || shows(e.root, true, ending) != unanswered;
      }
    });
    if (matters) out.push_back(i);
  }
  return out;
}

/// Random expressions: each check stands in one place, or in any number of them.
class RandomExpressions {
 public:
  enum class Mentions { once, any };
  static constexpr std::size_t most = 8;

  RandomExpressions(std::uint32_t seed, Mentions mentions) : random_(seed), mentions_(mentions) {}

  Expression next() {
    static const std::vector<trust::CheckKind> kinds{trust::CheckKind::chain, trust::CheckKind::name, trust::CheckKind::dane, trust::CheckKind::pin,
                                                     trust::CheckKind::crl, trust::CheckKind::ocsp, trust::CheckKind::stapled, trust::CheckKind::psk};
    while (true) {
      Expression out;
      out.root = node(4);
      std::vector<Node*> leaves;
      leaves_of(out.root, leaves);
      if (mentions_ == Mentions::once && leaves.size() > most) continue;
      const std::size_t checks = mentions_ == Mentions::once ? leaves.size() : 1 + below(5);
      for (std::size_t i = 0; i < leaves.size(); ++i) leaves[i]->check = mentions_ == Mentions::once ? i : below(checks);
      for (std::size_t i = 0; i < checks; ++i) out.checks.push_back({kinds[i], {}, 0});
      return out;
    }
  }

  Answers answers(const Expression& e) {
    Answers out(e.checks.size());
    for (Answer& a : out) a = static_cast<Answer>(below(4));
    return out;
  }

  std::size_t below(std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random_); }

 private:
  Node node(std::size_t depth) {
    const std::size_t shape = depth == 0 ? 0 : below(6);
    if (shape <= 1) return {};
    if (shape == 2) return {Node::Kind::negation, 0, {node(depth - 1)}, 0};
    if (shape == 3) return {Node::Kind::choice, 0, {node(depth - 1), node(depth - 1), node(depth - 1)}, 0};
    return {shape == 4 ? Node::Kind::all : Node::Kind::any, 0, {node(depth - 1), node(depth - 1)}, 0};
  }

  static void leaves_of(Node& node, std::vector<Node*>& out) {
    if (node.kind == Node::Kind::check) out.push_back(&node);
    for (Node& part : node.parts) leaves_of(part, out);
  }

  std::mt19937 random_;
  Mentions mentions_;
};

}  // namespace tlspool::test
