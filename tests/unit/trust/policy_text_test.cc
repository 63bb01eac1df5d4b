// SPDX-License-Identifier: Apache-2.0
// Policies as they are written in a configuration: where a mistake in an expression is said to be.
#include <gtest/gtest.h>

#include "config/config.h"
#include "trust/policies.h"

namespace tlspool::trust {
namespace {

/// "FILE:LINE:COLUMN" of the mistake in a file of policies.
std::string place(const std::string& text) {
  const auto config = config::parse({{"tlspool.toml", ""}, {"policies/a.toml", text, config::Source::Holds::policies}}, "/pool", "/pool/keeper");
  if (!config) return config.error().text();
  const auto policies = Policies::make(config->policies);
  return policies ? "none" : policies.error().subject;
}

TEST(PolicyText, PlaceOfAMistakeIsThatInTheFile) {
  EXPECT_EQ(place("[[policy]]\ntrust = \"chain and dnae\"\n"), "policies/a.toml:2:20");
  EXPECT_EQ(place("[[policy]]\n  trust='dnae'"), "policies/a.toml:2:10");
  EXPECT_EQ(place("[[policy]]\ntrust = \"\"\"chain and dnae\"\"\"\n"), "policies/a.toml:2:22");
  EXPECT_EQ(place("[[policy]]\ntrust = \"\"\"\nchain and\n  dnae\n\"\"\"\n"), "policies/a.toml:4:3");
  EXPECT_EQ(place("[[policy]]\ntrust = \'\'\'chain\nand dnae\'\'\'\n"), "policies/a.toml:3:5");
  EXPECT_EQ(place("policy = [{ remote = '.\xc3\xbc.example', trust = 'chain and dnae' }]\n"), "policies/a.toml:1:55");
  EXPECT_EQ(place("[[policy]]\ntrust = 'chain'\nremote = '*.example'\n"), "policies/a.toml:3:11");
}

TEST(PolicyText, WithEscapesTheLineIsAllThatIsKnown) {
  EXPECT_EQ(place("[[policy]]\ntrust = \"chain\\tand dnae\"\n"), "policies/a.toml:2");
  EXPECT_EQ(place("[[policy]]\ntrust = \"\"\"chain \\\n  and dnae\"\"\"\n"), "policies/a.toml:2");
}

TEST(PolicyText, EveryFileMayHaveSome) {
  const auto config = config::parse({{"tlspool.toml", "[[policy]]\nservice = \"smtp\"\ntrust = \"dane\"\n"},
                                     {"policies/a.toml", "[[policy]]\nremote = \"Web.example\"\ntrust = \"pin\"\n", config::Source::Holds::policies}},
                                    "/pool", "/pool/keeper");
  ASSERT_TRUE(config);
  const auto policies = Policies::make(config->policies);
  ASSERT_TRUE(policies);
  const auto found = policies->find("", "web.example", "smtp").policies;
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0]->where, "tlspool.toml:1");
  EXPECT_EQ(found[0]->selects(), "service smtp");
  EXPECT_EQ(found[1]->where, "policies/a.toml:1");
  EXPECT_EQ(found[1]->selects(), "remote web.example");
}

}  // namespace
}  // namespace tlspool::trust
