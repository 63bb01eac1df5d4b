// SPDX-License-Identifier: Apache-2.0
#include "trust/policies.h"

#include <gtest/gtest.h>

namespace tlspool::trust {
namespace {

wire::PolicySetup policy(const std::string& local, const std::string& remote, const std::string& service, const std::string& trust, std::uint32_t line = 1) {
  const auto placed = [&](const std::string& text, std::uint32_t below) { return wire::PlacedText{text, line + below, 12}; };
  return {placed(local, 1), placed(remote, 2), placed(service, 3), placed(trust, 4), "tlspool.toml", line};
}

Policies make(const std::vector<wire::PolicySetup>& setups) {
  auto out = Policies::make(setups);
  EXPECT_TRUE(out) << (out ? "" : out.error().text());
  return out ? std::move(*out) : Policies();
}

/// What must hold, joined by " + ".
std::string found(const Policies& policies, const std::string& local, const std::string& remote, const std::string& service = "") {
  std::string out;
  for (const Policy* p : policies.find(local, remote, service).policies) out += (out.empty() ? "" : " + ") + text(policies.expression(*p));
  return out;
}

std::string mistake(const std::vector<wire::PolicySetup>& setups) {
  const auto out = Policies::make(setups);
  return out ? "none" : out.error().subject + ": " + out.error().reason;
}

TEST(Policies, NoneApplyWhereNoneAre) { EXPECT_EQ(found(make({}), "a.example", "b.example", "smtp"), ""); }

// Each selector in turn is the narrowest, as those before it are left out.
TEST(Policies, TheNarrowestRemoteSelectorWins) {
  for (const auto& [name, forms] : {std::pair(std::string("u@a.b.c"), std::vector<std::string>{"u@a.b.c", "@a.b.c", "u@.b.c", "@.b.c", "u@.c", "@.c", "u@.", "@."}),
                                    std::pair(std::string("a.b.c"), std::vector<std::string>{"a.b.c", ".b.c", ".c", "."})}) {
    for (std::size_t first = 0; first < forms.size(); ++first) {
      std::vector<wire::PolicySetup> setups;
      for (std::size_t i = forms.size(); i > first; --i) setups.push_back(policy("", forms[i - 1], "", "age(" + std::to_string(i) + ")"));
      EXPECT_EQ(found(make(setups), "", name), "age(" + std::to_string(first + 1) + ")") << name;
      EXPECT_EQ(found(make(setups), name, ""), "") << "these are not for our own name";
    }
  }
}

TEST(Policies, UsersAndDomainsAreApart) {
  const auto policies = make({policy("", ".", "", "chain"), policy("", "@.", "", "pin")});
  EXPECT_EQ(found(policies, "", "a.b"), "chain");
  EXPECT_EQ(found(policies, "", "u@a.b"), "pin");
}

TEST(Policies, OnePerSetOfKeysAndAllMustHold) {
  const auto policies = make({policy("", "", "", "chain"), policy(".example", "", "", "name"), policy("", ".test", "", "dane"), policy(".example", ".test", "", "pin"),
                              policy("", "", "smtp", "crl"), policy(".example", "", "smtp", "ocsp"), policy("", ".test", "smtp", "stapled"),
                              policy(".example", ".test", "smtp", "psk")});
  EXPECT_EQ(found(policies, "a.example", "b.test", "smtp"), "chain + crl + dane + stapled + name + ocsp + pin + psk");
  EXPECT_EQ(found(policies, "a.example", "b.test"), "chain + dane + name + pin");
  EXPECT_EQ(found(policies, "a.example", "b.other", "smtp"), "chain + crl + name + ocsp");
  EXPECT_EQ(found(policies, "", "", "imap"), "chain");
}

TEST(Policies, RemoteIsLookedAtBeforeLocal) {
  const auto policies = make({policy("a.example", ".", "", "chain"), policy(".", "b.test", "", "pin"), policy("other", "b.test", "", "crl")});
  EXPECT_EQ(found(policies, "a.example", "b.test"), "pin");
  EXPECT_EQ(found(policies, "a.example", "c.test"), "chain");
}

// The narrowest remote selector has no policy for this local name: the next one is looked at.
TEST(Policies, ANarrowSelectorWithoutAFittingPartnerIsPassedOver) {
  const auto policies = make({policy("other.example", "b.test", "", "pin"), policy(".example", ".", "", "chain")});
  EXPECT_EQ(found(policies, "a.example", "b.test"), "chain");
}

TEST(Policies, ServicesAreComparedAsTheyAre) {
  const auto policies = make({policy("", "", "smtp", "chain"), policy("", "", "@.", "pin")});
  EXPECT_EQ(found(policies, "", "u@b.test", "smtp"), "chain");
  EXPECT_EQ(found(policies, "", "u@b.test", "SMTP"), "");
  EXPECT_EQ(found(policies, "", "u@b.test", ""), "");
}

TEST(Policies, AnUnknownNameIsSelectedByNothing) { EXPECT_EQ(found(make({policy("", ".", "", "chain"), policy("", "@.", "", "chain")}), "a", ""), ""); }

TEST(Policies, MistakesHaveLineAndColumn) {
  EXPECT_EQ(mistake({policy("", ".", "", "chain and dnae", 10)}), "tlspool.toml:14:22: [policy] trust: there is no check \"dnae\"");
  EXPECT_EQ(mistake({policy("", ".", "", "chain\n  and\n dnae", 10)}), "tlspool.toml:16:2: [policy] trust: there is no check \"dnae\"");
  EXPECT_EQ(mistake({policy("", "*.b", "", "chain", 10)}), "tlspool.toml:12:12: [policy] remote \"*.b\" is no selector: it has a *");
  EXPECT_EQ(mistake({policy("a..b", "", "", "chain", 10)}).substr(0, 19), "tlspool.toml:11:12:");
  EXPECT_EQ(mistake({policy("", "", std::string(256, 's'), "chain", 10)}).substr(0, 19), "tlspool.toml:13:12:");
  auto unplaced = policy("", ".", "", "chain and dnae", 10);
  unplaced.trust.column = 0;
  EXPECT_EQ(mistake({unplaced}), "tlspool.toml:14: [policy] trust: there is no check \"dnae\"");
}

TEST(Policies, TwoForTheSameAreAMistake) {
  EXPECT_EQ(mistake({policy("", ".B", "", "chain", 10), policy("", ".b", "", "pin", 20)}), "tlspool.toml:20: there is a policy for remote .b already");
  EXPECT_EQ(mistake({policy("a", ".b", "smtp", "chain", 10), policy("a", ".b", "smtp", "pin", 20)}),
            "tlspool.toml:20: there is a policy for local a, remote .b, service smtp already");
  EXPECT_EQ(mistake({policy("", "", "", "chain", 10), policy("", "", "", "pin", 20)}), "tlspool.toml:20: there is a policy for everything already");
  EXPECT_EQ(mistake({policy("", ".b", "", "chain", 10), policy(".b", "", "", "pin", 20), policy(".b", ".b", "", "pin", 30)}), "none");
}

std::vector<wire::PolicySetup> hundred_thousand() {
  std::vector<wire::PolicySetup> out;
  for (std::uint32_t i = 0; i < 100'000; ++i) {
    const std::string n = std::to_string(i);
    switch (i % 4) {
      case 0: out.push_back(policy("", "host" + n + ".b.c", "", "chain and name")); break;
      case 1: out.push_back(policy("", ".net" + n + ".c", "", "chain and name and dane")); break;
      case 2: out.push_back(policy("@.local" + n, "u" + n + "@.b.c", "", "pin")); break;
      case 3: out.push_back(policy("", "@mail" + n + ".c", "smtp", "dane-if-present")); break;
    }
  }
  return out;
}

// One lookup for each selector of the name in each set of keys; where a set has two selectors, one for each of the local name's
// more, for every one of the remote name's that is there. Nothing grows with the number of policies.
TEST(Policies, AHundredThousandCostNoMoreLookupsThanFour) {
  const auto setups = hundred_thousand();
  const auto many = make(setups);
  const auto few = make({setups.begin(), setups.begin() + 4});
  EXPECT_EQ(many.size(), 100'000u);
  for (const Policies* policies : {&few, &many}) {
    const std::size_t nothing_else = policies->find("l.local2", "host0.b.c", "").lookups;
    EXPECT_EQ(nothing_else, 1u + 1u + 4u) << "found at once, no such service, four selectors";
    EXPECT_EQ(policies->find("l.local2", "host0.b.c", "smtp").lookups, 1u + (1u + 4u) + 4u);
    EXPECT_EQ(policies->find("x@a.local2", "u2@a.b.c", "smtp").lookups, 8u + (1u + 8u) + (3u + 4u));
    EXPECT_EQ(found(*policies, "x@a.local2", "u2@a.b.c", "smtp"), "pin");
    EXPECT_EQ(policies->find("", "", "").lookups, 1u);
  }
  EXPECT_EQ(found(many, "", "x.net99997.c"), "chain and name and dane");
  EXPECT_EQ(found(many, "", "u@mail99999.c", "smtp"), "dane-if-present");
}

}  // namespace
}  // namespace tlspool::trust
