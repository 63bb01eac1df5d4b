// SPDX-License-Identifier: Apache-2.0
#include "authz/disclosure.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <random>

#include "base/contains.h"

namespace tlspool::authz {
namespace {

using wire::Show;

struct WrittenRule {
  std::string local, remote, service;
  Show show = Show::no;
  std::vector<std::uint32_t> uids;
  std::uint8_t standings = wire::as_client | wire::as_peer;
  bool offer = false;
};

std::vector<wire::DisclosureSetup> setups(const std::vector<WrittenRule>& rules) {
  std::vector<wire::DisclosureSetup> out;
  std::uint32_t line = 10;
  for (const WrittenRule& r : rules) {
    const auto placed = [&](const std::string& text, std::uint32_t below) { return wire::PlacedText{text, line + below, 12}; };
    out.push_back({placed(r.local, 1), placed(r.remote, 2), placed(r.service, 3), r.uids, r.standings, r.show, r.offer, "tlspool.toml", line});
    line += 10;
  }
  return out;
}

Disclosures rules_of(const std::vector<WrittenRule>& rules) {
  auto out = Disclosures::make(setups(rules));
  EXPECT_TRUE(out) << (out ? "" : out.error().text());
  return out ? std::move(*out) : Disclosures();
}

std::string mistake_in(const std::vector<WrittenRule>& rules) {
  const auto out = Disclosures::make(setups(rules));
  return out ? "none" : out.error().subject + ": " + out.error().reason;
}

constexpr const char* joe = "joe@clients.example";

/// "yes", or "no by 20" (the line of the rule).
std::string decided(const Disclosures& rules, const Showing& showing) {
  const auto decision = rules.decide(showing);
  const std::string word = decision.show == Show::yes ? "yes" : decision.show == Show::ask ? "ask" : "no";
  return decision.rule == nullptr ? word : word + " by " + decision.rule->where.substr(decision.rule->where.find(':') + 1);
}

TEST(Disclosure, IsLeftToTheRequestWhereNoRuleApplies) {
  EXPECT_EQ(decided(rules_of({}), {joe, "web.example"}), "yes");
  EXPECT_EQ(decided(rules_of({{"", ".test", "", Show::no}}), {joe, "web.example"}), "yes");
}

TEST(Disclosure, ANarrowRuleIsAnExceptionFromAWideOne) {
  const auto rules = rules_of({{"", "", "", Show::no}, {"", ".example", "", Show::ask}, {"", "web.example", "", Show::yes}});
  EXPECT_EQ(decided(rules, {joe, "web.example"}), "yes by 30");
  EXPECT_EQ(decided(rules, {joe, "imap.example"}), "ask by 20");
  EXPECT_EQ(decided(rules, {joe, "example"}), "no by 10");
  EXPECT_EQ(decided(rules, {joe, ""}), "no by 10") << "nobody knows to whom";
}

TEST(Disclosure, WhereNeitherRuleIsNarrowerTheMoreCarefulOneDecides) {
  const auto rules = rules_of({{joe, "", "", Show::no}, {"", "web.example", "", Show::yes}});
  EXPECT_EQ(decided(rules, {joe, "web.example"}), "no by 10");
  EXPECT_EQ(decided(rules, {"ann@clients.example", "web.example"}), "yes by 20");
  const auto asking = rules_of({{joe, "", "", Show::yes}, {"", "web.example", "", Show::ask}});
  EXPECT_EQ(decided(asking, {joe, "web.example"}), "ask by 20");
}

TEST(Disclosure, ARuleForBothIsNarrowerThanOneForEach) {
  const auto rules = rules_of({{joe, "", "", Show::no}, {"", "web.example", "", Show::no}, {"@.example", ".example", "", Show::ask}, {joe, "web.example", "", Show::yes}});
  EXPECT_EQ(decided(rules, {joe, "web.example"}), "yes by 40");
}

TEST(Disclosure, ServiceAndUserNarrowARule) {
  const auto rules = rules_of({{"", ".example", "", Show::no}, {"", ".example", "imap", Show::ask}, {"", ".example", "imap", Show::yes, {7, 8}}});
  EXPECT_EQ(decided(rules, {joe, "web.example", "", 7}), "no by 10");
  EXPECT_EQ(decided(rules, {joe, "web.example", "imap", 6}), "ask by 20");
  EXPECT_EQ(decided(rules, {joe, "web.example", "imap", 8}), "yes by 30");
}

TEST(Disclosure, RulesAreForTheStandingsThatTheyName) {
  const auto rules = rules_of({{"", "", "", Show::no}, {"web.example", "", "", Show::no, {}, wire::as_server}});
  EXPECT_EQ(decided(rules, {"web.example", "", "", 0, wire::as_server}), "no by 20");
  EXPECT_EQ(decided(rules, {"other.example", "", "", 0, wire::as_server}), "yes") << "a rule that does not name servers stops none";
  EXPECT_EQ(decided(rules, {"web.example", "b.example", "", 0, wire::as_peer}), "no by 10");
}

TEST(Disclosure, MistakesAreNamed) {
  EXPECT_EQ(mistake_in({{"", "*.b", "", Show::no}}), "tlspool.toml:12:12: [disclosure] remote \"*.b\" is no selector: it has a *");
  EXPECT_EQ(mistake_in({{"a..b", "", "", Show::no}}).substr(0, 19), "tlspool.toml:11:12:");
  EXPECT_EQ(mistake_in({{"", "", std::string(256, 's'), Show::no}}).substr(0, 19), "tlspool.toml:13:12:");
  EXPECT_EQ(mistake_in({{"", "", "", Show::ask, {}, wire::as_server}}), "tlspool.toml:10: [disclosure] show = \"ask\" is not for servers");
  const auto offer = [](const std::string& local, Show show, std::uint8_t standings = wire::as_client) {
    return mistake_in({{local, ".example", "", show, {}, standings, true}});
  };
  EXPECT_EQ(offer(joe, Show::yes), "none");
  EXPECT_EQ(offer(joe, Show::ask), "none");
  EXPECT_EQ(offer(joe, Show::no), "tlspool.toml:10: [disclosure] offer = true contradicts show = \"no\"");
  EXPECT_EQ(offer(joe, Show::yes, wire::as_client | wire::as_server), "tlspool.toml:10: [disclosure] offer = true is not for servers");
  for (const char* wide : {"", "@clients.example", "@.example", ".example", "joe@.example", ".", "@.", "joe@."}) {
    EXPECT_EQ(offer(wide, Show::yes), "tlspool.toml:11:12: [disclosure] offer = true needs one identity as local") << wide;
  }
}

TEST(Disclosure, TwoRulesForTheSameAreAMistake) {
  const std::string there = ": [disclosure] there is a rule with the same local, remote, service, uid and role already";
  EXPECT_EQ(mistake_in({{"", ".B", "", Show::no}, {"", ".b", "", Show::yes}}), "tlspool.toml:20" + there);
  EXPECT_EQ(mistake_in({{"", "", "", Show::no}, {"", "", "", Show::yes}}), "tlspool.toml:20" + there);
  EXPECT_EQ(mistake_in({{"", "", "", Show::no, {1, 2}}, {"", "", "", Show::yes, {2, 3}}}), "tlspool.toml:20" + there);
  EXPECT_EQ(mistake_in({{"", "", "", Show::no, {1, 1}}}), "none");
  EXPECT_EQ(mistake_in({{"", "", "", Show::no, {}, wire::as_client}, {"", "", "", Show::yes, {}, wire::as_peer}}), "none");
}

TEST(Disclosure, ThereIsAMostOfRules) {
  std::vector<WrittenRule> rules;
  for (int i = 0; i < 10'001; ++i) rules.push_back({"", "h" + std::to_string(i) + ".example", "", Show::no});
  EXPECT_EQ(mistake_in(rules), "tlspool.toml:100010: [disclosure] there are more than 10000 of them");
  rules.pop_back();
  EXPECT_EQ(decided(rules_of(rules), {joe, "h9999.example"}), "no by 100000");
}

std::string offered(const Disclosures& rules, const Showing& showing) {
  std::string out;
  for (const Disclosure* rule : rules.offers(showing)) out += (out.empty() ? "" : " + ") + rule->local;
  return out;
}

TEST(Disclosure, OffersAreThoseOfTheNarrowestRemote) {
  const auto rule = [](const char* local, const char* remote, const char* service = "", std::vector<std::uint32_t> uids = {}) {
    return WrittenRule{local, remote, service, Show::yes, std::move(uids), wire::as_client, true};
  };
  const auto rules = rules_of({rule("all@x", ""), rule("wide@x", ".example"), rule("web@x", "web.example", "", {7}), rule("mail@x", "web.example", "imap"),
                           {"quiet@x", "web.example", "", Show::yes}});
  EXPECT_EQ(offered(rules, {"", "web.example", "", 7}), "web@x");
  EXPECT_EQ(offered(rules, {"", "web.example", "imap", 7}), "web@x + mail@x");
  EXPECT_EQ(offered(rules, {"", "web.example", "", 8}), "wide@x");
  EXPECT_EQ(offered(rules, {"", "a.test"}), "all@x");
  EXPECT_EQ(offered(rules, {"", "a.test", "", 0, wire::as_peer}), "");
}

// The definition, read off docs/disclosure.md, without an index.
struct Fitting {
  std::vector<std::size_t> ranks;
  Show show;
  std::size_t line;
};

std::optional<std::size_t> rank_of(const std::string& selector, std::string_view identity) {
  if (selector.empty()) return 1000;
  const auto forms = trust::selectors_of(identity);
  const auto found = std::ranges::find(forms, selector);
  if (found == forms.end()) return std::nullopt;
  return static_cast<std::size_t>(found - forms.begin());
}

std::string by_definition(const std::vector<WrittenRule>& rules, const Showing& s) {
  std::vector<Fitting> fits;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const WrittenRule& r = rules[i];
    const auto local = rank_of(r.local, s.local);
    const auto remote = rank_of(r.remote, s.remote);
    const bool uid = r.uids.empty() || contains(r.uids, s.uid);
    if (!local || !remote || !uid || !(r.service.empty() || r.service == s.service) || (r.standings & s.standing) == 0) continue;
    fits.push_back({{*local, *remote, r.service.empty() ? 1u : 0u, r.uids.empty() ? 1u : 0u}, r.show, 10 * (i + 1)});
  }
  std::optional<Show> strictest;
  for (const Fitting& a : fits) {
    const bool overridden = std::ranges::any_of(fits, [&](const Fitting& b) {
      bool wider = false;
      for (std::size_t k = 0; k < a.ranks.size(); ++k) {
        if (b.ranks[k] > a.ranks[k]) return false;
        wider = wider || b.ranks[k] < a.ranks[k];
      }
      return wider;
    });
    if (!overridden && (!strictest || a.show < *strictest)) strictest = a.show;
  }
  const Show show = strictest.value_or(Show::yes);
  return show == Show::yes ? "yes" : show == Show::ask ? "ask" : "no";
}

TEST(Disclosure, TheIndexFindsWhatTheDefinitionSays) {
  std::mt19937 random(20251);
  const auto pick = [&](const auto& list) { return list[random() % list.size()]; };
  const std::vector<std::string> locals{"", "", "a.b.c", ".b.c", ".c", ".", "u@a.b.c", "@a.b.c", "u@.b.c", "@.b.c", "@.", "v@a.b.c"};
  const std::vector<std::string> remotes{"", "", "x.y.z", ".y.z", ".z", ".", "w@x.y.z", "@x.y.z", "w@.z", "@.", "192.0.2.7"};
  const std::vector<std::string> services{"", "", "imap", "smtp"};
  const std::vector<std::vector<std::uint32_t>> uids{{}, {}, {1}, {1, 2}, {2}};
  const std::vector<std::uint8_t> standings{wire::as_client | wire::as_peer, wire::as_server, wire::as_client};
  const std::vector<std::string> own{"", "a.b.c", "u@a.b.c", "v@a.b.c", "b.c", "q.c"};
  const std::vector<std::string> peers{"", "x.y.z", "w@x.y.z", "q@x.y.z", "y.z", "192.0.2.7", "elsewhere"};
  for (int round = 0; round < 40; ++round) {
    std::vector<WrittenRule> rules;
    const std::size_t count = 1 + random() % 24;
    while (rules.size() < count) {
      WrittenRule rule{pick(locals), pick(remotes), pick(services), static_cast<Show>(random() % 3), pick(uids), pick(standings)};
      if (rule.standings == wire::as_server && rule.show == Show::ask) rule.show = Show::no;
      rules.push_back(rule);
      if (!Disclosures::make(setups(rules))) {  // there is one for the same already
        rules.pop_back();
        if (random() % 8 == 0) break;
      }
    }
    const auto index = rules_of(rules);
    for (const std::string& local : own) {
      for (const std::string& remote : peers) {
        for (const char* service : {"", "imap", "http"}) {
          for (const std::uint32_t uid : {0u, 1u, 2u}) {
            for (const auto standing : {wire::as_client, wire::as_server, wire::as_peer}) {
              const Showing showing{local, remote, service, uid, standing};
              const std::string got = decided(index, showing);
              ASSERT_EQ(got.substr(0, got.find(' ')), by_definition(rules, showing)) << round << " " << local << " " << remote << " " << service << " " << uid;
            }
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace tlspool::authz
