// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "trust/expression.h"

namespace tlspool::trust {
namespace {

/// "COLUMN: reason", the column counted from 1.
std::string mistake(const std::string& text) {
  const auto out = parse_expression(text);
  return out ? "none" : std::to_string(out.error().at + 1) + ": " + out.error().reason;
}

std::string advice(const std::string& text) {
  const auto out = parse_expression(text);
  return out ? "none" : out.error().advice;
}

TEST(ExpressionMistake, SaysWhereAndWhatWasExpected) {
  EXPECT_EQ(mistake(""), "1: expected a check, not, if or (, found the end");
  EXPECT_EQ(mistake("chain and"), "10: expected a check, not, if or (, found the end");
  EXPECT_EQ(mistake("chain and or name"), "11: expected a check, not, if or (, found \"or\"");
  EXPECT_EQ(mistake("chain name"), "7: expected and, or, or the end, found \"name\"");
  EXPECT_EQ(mistake("(chain and name"), "16: expected and, or, or ), found the end");
  EXPECT_EQ(mistake("chain)"), "6: expected and, or, or the end, found \")\"");
  EXPECT_EQ(mistake("if chain name"), "10: expected and, or, or then, found \"name\"");
  EXPECT_EQ(mistake("if chain then name"), "19: expected and, or, or else, found the end");
  EXPECT_EQ(mistake("chain && name"), "7: expected and, or, or the end, found \"&\"");
  EXPECT_EQ(mistake("!chain"), "1: expected a check, not, if or (, found \"!\"");
  EXPECT_EQ(mistake("chain \x1b[2J"), "7: expected and, or, or the end, found \"\\x1b\"");
}

TEST(ExpressionMistake, UnknownCheck) {
  EXPECT_EQ(mistake("chain and dnae"), "11: there is no check \"dnae\"");
  EXPECT_EQ(advice("chain and dnae"), "did you mean dane?");
  EXPECT_EQ(advice("Chain"), "did you mean chain?");
  EXPECT_EQ(mistake("trusted"), "1: there is no check \"trusted\"");
  EXPECT_TRUE(advice("trusted").starts_with("known checks: chain, selfsigned, name, ")) << advice("trusted");
  EXPECT_EQ(mistake("selfsigned_"), "1: there is no check \"selfsigned_\"");
}

TEST(ExpressionMistake, Arguments) {
  EXPECT_EQ(mistake("chain or age"), "10: age needs an argument");
  EXPECT_EQ(advice("chain or age"), "write age(days)");
  EXPECT_EQ(mistake("chain()"), "7: chain takes no argument");
  EXPECT_EQ(mistake("age( soon )"), "6: expected days, 1 to 36500 in age(), found \"soon\"");
  EXPECT_EQ(mistake("age(1"), "4: expected ) behind the argument of age, found the end");
  for (const char* wrong : {"age(0)", "age(036)", "age(-1)", "age(36501)", "age(99999999999999999999)", "age()", "age(1 2)", "key-strength(0)",
                            "key-strength(257)", "local-role(peer)", "local-role(Client)", "extension(1)", "extension(1.40)", "extension(3.1)",
                            "extension(1.2.)", "extension(1.02)", "extension(1.2.99999999999)", "extension(a.b)"}) {
    EXPECT_NE(mistake(wrong).find(": expected "), std::string::npos) << wrong << " gives " << mistake(wrong);
  }
  EXPECT_EQ(mistake("extension(2.999.3)"), "none");
}

TEST(ExpressionMistake, WhatCannotHoldIsOne) {
  EXPECT_EQ(mistake("chain and not chain"), "1: the expression can't ever hold, whatever the checks answer: chain and not chain");
  EXPECT_EQ(mistake("local-role(client) and local-role(server)").substr(0, 34), "1: the expression can't ever hold,");
  EXPECT_NE(mistake("not local-role(client) and not local-role(server)"), "none") << "we are one of the two";
  EXPECT_NE(mistake("not (chain or not chain)"), "none");
  EXPECT_NE(mistake("dane and not dane-if-present"), "none");
  EXPECT_NE(mistake("qkd and not psk"), "none");
  EXPECT_NE(mistake("key-strength(192) and not key-strength(128)"), "none");
  EXPECT_NE(mistake("age(7) and not age(30)"), "none");
}

TEST(ExpressionMistake, WhatCanHoldIsNone) {
  EXPECT_EQ(mistake("dane-if-present and not dane"), "none");
  EXPECT_EQ(mistake("psk and not qkd"), "none");
  EXPECT_EQ(mistake("key-strength(128) and not key-strength(192)"), "none");
  EXPECT_EQ(mistake("age(30) and not age(7)"), "none");
  EXPECT_EQ(mistake("not (chain and not chain)"), "none") << "it holds once chain has answered";
  EXPECT_EQ(mistake("if local-role(client) then chain else pin"), "none");
}

TEST(ExpressionMistake, SoIsAPartThatIsOfNoUse) {
  EXPECT_EQ(mistake("chain or pin and not pin"), "10: this part can't ever hold, whatever the checks answer: pin and not pin");
  EXPECT_EQ(mistake("local-role(client) and (chain or local-role(server) and pin)").substr(0, 33), "34: this part can't ever hold, wh");
  EXPECT_EQ(mistake("(local-role(server) and pin or chain) and local-role(client)").substr(0, 32), "2: this part can't ever hold, wh");
  EXPECT_EQ(mistake("if chain then not chain else pin").substr(0, 33), "15: this part can't ever hold, wh");
  EXPECT_EQ(mistake("if not chain and chain then name else pin").substr(0, 33), "29: this part can't ever hold, wh");
}

TEST(ExpressionMistake, Bounds) {
  std::string many = "age(1)";
  for (int i = 2; i <= 17; ++i) many += " or age(" + std::to_string(i) + ")";
  EXPECT_NE(mistake(many).find("an expression has at most 16"), std::string::npos) << mistake(many);
  std::string often = "chain";
  for (int i = 2; i <= 64; ++i) often += " or chain";
  EXPECT_EQ(mistake(often), "none");
  EXPECT_NE(mistake(often + " or chain").find("names at most 64 checks"), std::string::npos);
  const auto nested = [](std::size_t n) { return std::string(n, '(') + "chain" + std::string(n, ')'); };
  EXPECT_EQ(mistake(nested(deepest_expression - 1)), "none");
  EXPECT_EQ(mistake(nested(deepest_expression)), "33: this is nested more than 32 deep");
  EXPECT_EQ(mistake(nested(2000)), "33: this is nested more than 32 deep");
  std::string nots;
  for (int i = 0; i < 1000; ++i) nots += "not ";
  EXPECT_NE(mistake(nots).find("nested more than 32 deep"), std::string::npos);
  EXPECT_EQ(mistake("chain" + std::string(longest_expression, ' ')), "4097: the expression is longer than 4096 bytes");
}

}  // namespace
}  // namespace tlspool::trust
