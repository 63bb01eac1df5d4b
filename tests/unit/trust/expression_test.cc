// SPDX-License-Identifier: Apache-2.0
#include "trust/expression.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "brute_force.h"

namespace tlspool::trust {
namespace {

using test::RandomExpressions;

Expression parse(const std::string& text) {
  auto out = parse_expression(text);
  EXPECT_TRUE(out) << text << ": " << (out ? "" : out.error().reason);
  return out ? *out : Expression{{Check{}}, {}};
}

/// 'y', 'n', '?' (asked in vain) or ' ' (pending) for each check, in the order in which they come.
Answers answers(const std::string& letters) {
  Answers out;
  for (const char c : letters) out.push_back(c == 'y' ? Answer::yes : c == 'n' ? Answer::no : c == '?' ? Answer::unknown : Answer::pending);
  return out;
}

bool holds(const std::string& text, const std::string& letters) { return evaluate(parse(text), answers(letters)) == Outcome::holds; }
Outcome outcome(const std::string& text, const std::string& letters) { return evaluate(parse(text), answers(letters)); }

/// The wanted checks, by name.
std::string wanted_of(const std::string& text, const std::string& letters) {
  const Expression e = parse(text);
  std::string out;
  for (const std::size_t i : wanted(e, answers(letters))) out += (out.empty() ? "" : " ") + e.checks[i].text();
  return out;
}

TEST(Expression, NotOfNoAnswerDoesNotHold) {
  EXPECT_EQ(outcome("dane", "?"), Outcome::fails);
  EXPECT_EQ(outcome("not dane", "?"), Outcome::fails);
  EXPECT_EQ(outcome("not not dane", "?"), Outcome::fails);
  EXPECT_EQ(outcome("dane or not dane", "?"), Outcome::fails) << "no excluded middle";
  EXPECT_TRUE(holds("not dane", "n"));
}

TEST(Expression, NotOfMoreThanACheckDoesNotOpen) {
  EXPECT_FALSE(holds("not (dane and pin)", "?y"));
  EXPECT_TRUE(holds("not (dane and pin)", "?n"));
  EXPECT_FALSE(holds("not (dane or pin)", "?n"));
  EXPECT_FALSE(holds("not (dane or pin)", "?y"));
}

TEST(Expression, OperatorsOnYesAndNo) {
  EXPECT_TRUE(holds("chain and name", "yy"));
  EXPECT_FALSE(holds("chain and name", "yn"));
  EXPECT_TRUE(holds("chain or name", "ny"));
  EXPECT_FALSE(holds("chain or name", "nn"));
  EXPECT_TRUE(holds("if chain then name else pin", "yyn"));
  EXPECT_FALSE(holds("if chain then name else pin", "nyn"));
  EXPECT_TRUE(holds("if chain then name else pin", "nny"));
}

TEST(Expression, IfWithoutAnAnswerHasNone) {
  EXPECT_FALSE(holds("if chain then name else pin", "?yy"));
  EXPECT_FALSE(holds("not (if chain then name else pin)", "?nn"));
}

TEST(Expression, OrBindsLessThanAndAndThatLessThanNot) {
  EXPECT_EQ(text(parse("chain or name and not pin or dane")), "chain or (name and not pin) or dane");
  EXPECT_EQ(parse("chain or name and not pin or dane"), parse("chain or (name and (not pin)) or dane"));
  EXPECT_EQ(text(parse("(chain or name) and not (pin or dane)")), "(chain or name) and not (pin or dane)");
}

TEST(Expression, ElseReachesAsFarAsItCan) {
  EXPECT_EQ(parse("if chain then name else pin or dane"), parse("if chain then name else (pin or dane)"));
  EXPECT_EQ(text(parse("(if chain then name else pin) or dane")), "(if chain then name else pin) or dane");
  EXPECT_EQ(text(parse("if chain then name else (if pin then psk else (qkd))")), "if chain then name else if pin then psk else qkd");
}

TEST(Expression, BlanksAndLinesDoNotMatter) {
  EXPECT_EQ(text(parse(" \n(chain\tand\r\nname)or age ( 30 )and not(pin)")), "(chain and name) or (age(30) and not pin)");
}

TEST(Expression, EveryCheckOfTheManualIsKnown) {
  const Expression all = parse("chain and selfsigned and name and domain-for-user and dane and dane-if-present and pin and pin-or-first-use and "
                               "crl and crl-if-present and ocsp and ocsp-if-known and stapled and forward-secrecy and psk and qkd");
  EXPECT_EQ(all.checks.size(), most_checks);
  EXPECT_EQ(parse("quantum-safe or extension(1.3.6.1.5.5.7.1.24) or key-strength(128) or local-role(client) or local-role(server) or age(30)").checks.size(), 6u);
  EXPECT_EQ(known_checks().size(), 21u);
}

TEST(Expression, SameCheckCountsOnceAndArgumentsTellChecksApart) {
  EXPECT_EQ(parse("chain and name or chain and pin").checks.size(), 3u);
  EXPECT_EQ(parse("key-strength(112) or key-strength( 112 ) or key-strength(128)").checks.size(), 2u);
}

TEST(Expression, CertainAsSoonAsItIs) {
  EXPECT_EQ(outcome("(chain and name) or pin or dane", "yy  "), Outcome::holds);
  EXPECT_EQ(outcome("(chain and name) or pin or dane", "y   "), Outcome::undecided);
  EXPECT_EQ(outcome("(chain and name) and dane", "n  "), Outcome::fails);
  EXPECT_EQ(outcome("(dane or chain) and (not dane or chain)", " n"), Outcome::fails) << "dane can't be both";
  EXPECT_EQ(outcome("(dane or chain) and (not dane or chain)", " ?"), Outcome::fails);
  EXPECT_EQ(outcome("dane", ""), Outcome::undecided);
}

TEST(Expression, WantsWhatMayStillMatter) {
  EXPECT_EQ(wanted_of("(chain and name) or pin or dane", "    "), "chain name pin dane");
  EXPECT_EQ(wanted_of("(chain and name) or pin or dane", "n   "), "pin dane");
  EXPECT_EQ(wanted_of("(chain and name) or pin or dane", "yy  "), "");
  EXPECT_EQ(wanted_of("chain and (crl or ocsp)", "n  "), "");
  EXPECT_EQ(wanted_of("chain and (crl or ocsp)", "y? "), "ocsp");
  EXPECT_EQ(wanted_of("if chain then crl else ocsp", "y  "), "crl");
  EXPECT_EQ(wanted_of("if chain then crl else ocsp", "?  "), "");
  EXPECT_EQ(wanted_of("not (crl or ocsp)", "n "), "ocsp");
}

class AgainstBruteForce : public testing::TestWithParam<RandomExpressions::Mentions> {};

TEST_P(AgainstBruteForce, OutcomeAndWantedChecks) {
  const bool once = GetParam() == RandomExpressions::Mentions::once;
  RandomExpressions random(once ? 20261121 : 20261122, GetParam());
  std::size_t undecided = 0;
  for (int i = 0; i < 3000; ++i) {
    const Expression e = random.next();
    for (int j = 0; j < 4; ++j) {
      const Answers given = random.answers(e);
      const Outcome outcome = evaluate(e, given);
      ASSERT_EQ(outcome, test::outcome_by_force(e, given)) << text(e);
      const auto want = wanted(e, given);
      const auto least = test::wanted_by_force(e, given);
      EXPECT_TRUE(std::includes(want.begin(), want.end(), least.begin(), least.end())) << text(e);
      if (once) {
        EXPECT_EQ(want, least) << text(e);
      }
      EXPECT_EQ(want.empty(), outcome != Outcome::undecided) << text(e);
      for (const std::size_t check : want) EXPECT_EQ(given[check], Answer::pending);
      undecided += outcome == Outcome::undecided;
    }
  }
  EXPECT_GT(undecided, 1000u) << "the test looks at little";
}

INSTANTIATE_TEST_SUITE_P(Expression, AgainstBruteForce, testing::Values(RandomExpressions::Mentions::once, RandomExpressions::Mentions::any));

TEST(Expression, CanNeverHoldIsWhatNoAnswersShow) {
  RandomExpressions random(3, RandomExpressions::Mentions::any);
  std::size_t never = 0;
  for (int i = 0; i < 3000; ++i) {
    const Expression e = random.next();
    const bool fails = test::outcome_by_force(e, Answers(e.checks.size(), Answer::pending)) == Outcome::fails;
    EXPECT_EQ(useless_part(e) == &e.root, fails) << text(e);
    never += fails;
  }
  EXPECT_GT(never, 100u) << "the test looks at little";
}

// What holds for the two claims that are kept of each part.
TEST(Expression, NotAAndBIsNotWhatIsLeftOfTwoValues) {
  EXPECT_FALSE(holds("not (dane and pin)", "?y"));
  EXPECT_FALSE(holds("not dane or not pin", "?y"));
  EXPECT_TRUE(holds("not (dane and pin)", "?n"));
  EXPECT_TRUE(holds("not dane or not pin", "?n"));
}

TEST(Expression, AllAnswersOfThreeChecks) {
  for (const char* written : {"dane and pin or not crl", "not (dane or pin) and crl", "if dane then not pin else crl", "not (if dane and pin then crl else not dane)",
                              "(dane or not dane) and (pin or crl)", "not (not dane and not (pin or not crl))"}) {
    const Expression e = parse(written);
    for (std::size_t i = 0; i < 64; ++i) {
      const Answers given{static_cast<Answer>(i & 3), static_cast<Answer>(i >> 2 & 3), static_cast<Answer>(i >> 4)};
      EXPECT_EQ(evaluate(e, given), test::outcome_by_force(e, given)) << written << " " << i;
    }
  }
}

TEST(Expression, DeMorganHoldsForWhatIsShown) {
  RandomExpressions random(7, RandomExpressions::Mentions::any);
  for (int i = 0; i < 500; ++i) {
    Expression e = random.next();
    const Node a = e.root;
    const Node b = random.next().root;
    e.checks.resize(RandomExpressions::most);
    const Node outside{Node::Kind::negation, 0, {Node{Node::Kind::all, 0, {a, b}, 0}}, 0};
    const Node inside{Node::Kind::any, 0, {Node{Node::Kind::negation, 0, {a}, 0}, Node{Node::Kind::negation, 0, {b}, 0}}, 0};
    const Answers given = random.answers(e);
    const Shown left = shown(outside, given);
    const Shown right = shown(inside, given);
    EXPECT_EQ(left.is_true, right.is_true);
    EXPECT_EQ(left.is_false, right.is_false);
    EXPECT_FALSE(left.is_true && left.is_false);
  }
}

TEST(Expression, SixteenPendingChecksAreTried) {
  // May be shown true by each mention, but not by all of them together: only trying finds out.
  const std::string pairs = "(chain or selfsigned) and (name or domain-for-user) and (pin or crl) and (ocsp or stapled) and (psk or qkd) and "
                            "(forward-secrecy or quantum-safe) and (age(1) or age(2)) and ";
  const Expression undecided = parse(pairs + "(dane or key-strength(112)) and (not dane or key-strength(112))");
  ASSERT_EQ(undecided.checks.size(), most_checks);
  EXPECT_EQ(evaluate(undecided, {}), Outcome::undecided);
  Answers given(most_checks, Answer::pending);
  given.back() = Answer::no;
  EXPECT_EQ(evaluate(undecided, given), Outcome::fails);
  EXPECT_TRUE(wanted(undecided, given).empty());
}

}  // namespace
}  // namespace tlspool::trust
