// SPDX-License-Identifier: Apache-2.0
#include "authz/ruleset.h"

#include <gtest/gtest.h>

#include <random>

namespace tlspool::authz {
namespace {

using wire::RuleAction;
using wire::RuleSetup;

constexpr std::time_t monday_noon = 1780315200;  // 2026-06-01 12:00 UTC

std::vector<wire::PlacedText> placed(const std::vector<std::string>& texts, std::uint32_t line) {
  std::vector<wire::PlacedText> out;
  for (const std::string& text : texts) out.push_back({text, line, 0});
  return out;
}

RuleSetup rule(RuleAction action, std::uint32_t line = 1) {
  RuleSetup out;
  out.action = action;
  out.file = "r.toml";
  out.line = line;
  return out;
}

RuleSetup for_remote(const std::string& selector, RuleAction action, std::uint32_t line = 1) {
  RuleSetup out = rule(action, line);
  out.remote = placed({selector}, line);
  return out;
}

RuleSetup for_san(const std::string& uri, RuleAction action, std::uint32_t line = 1) {
  RuleSetup out = rule(action, line);
  out.san = placed({uri}, line);
  return out;
}

Facts peer(const std::string& remote, std::vector<std::string> names = {}) {
  Facts out;
  out.remote = remote;
  out.names = std::move(names);
  out.role = wire::role_server;
  out.now = monday_noon;
  return out;
}

Ruleset make(const std::vector<RuleSetup>& rules, const wire::AuthorizationSetup& setup = {}) {
  auto out = Ruleset::make(rules, setup);
  EXPECT_TRUE(out) << (out ? "" : out.error().text());
  return out ? std::move(*out) : Ruleset();
}

std::string mistake(const RuleSetup& setup) {
  const auto out = Ruleset::make({setup}, {});
  return out ? "none" : out.error().subject + ": " + out.error().reason;
}

/// "allow 3": the action and the line of the rule that decided.
std::string outcome(const Ruleset& rules, const Facts& facts) {
  const Decision d = rules.decide(facts);
  const auto at = d.reason.find("r.toml:");
  const std::string line = at == std::string::npos ? "" : " " + d.reason.substr(at + 7, d.reason.find(' ', at) - at - 7);
  switch (d.action) {
    case RuleAction::allow: return "allow" + line;
    case RuleAction::deny: return "deny" + line;
    case RuleAction::ask: {
      std::string out = "ask" + line;
      for (const std::string& hook : d.hooks) out += " " + hook;
      return out;
    }
  }
  return "?";
}

TEST(Ruleset, WithoutRulesEverybodyIsLetIn) {
  EXPECT_EQ(outcome(make({}), peer("a.example")), "allow");
  EXPECT_TRUE(make({}).asks_nothing());
}

TEST(Ruleset, WithRulesWhoFitsNoneIsNot) {
  const auto rules = make({for_remote("a.example", RuleAction::allow)});
  EXPECT_EQ(outcome(rules, peer("b.example")), "deny");
  EXPECT_EQ(outcome(rules, peer("")), "deny");
  EXPECT_FALSE(rules.asks_nothing());
}

TEST(Ruleset, TheDefaultCanBeSet) {
  wire::AuthorizationSetup open;
  open.otherwise = wire::RuleDefault::allow;
  EXPECT_EQ(outcome(make({for_remote("a.example", RuleAction::deny)}, open), peer("b.example")), "allow");
  wire::AuthorizationSetup shut;
  shut.otherwise = wire::RuleDefault::deny;
  EXPECT_EQ(outcome(make({}, shut), peer("b.example")), "deny");
  EXPECT_FALSE(make({}, shut).asks_nothing());
}

TEST(Ruleset, TheFirstThatFitsDecidesHoweverItIsFound) {
  std::vector<RuleSetup> rules{for_remote(".example", RuleAction::deny, 1), for_remote("a.example", RuleAction::allow, 2), rule(RuleAction::allow, 3)};
  EXPECT_EQ(outcome(make(rules), peer("a.example")), "deny 1");
  std::swap(rules[0], rules[1]);
  EXPECT_EQ(outcome(make(rules), peer("a.example")), "allow 2");
  EXPECT_EQ(outcome(make(rules), peer("b.test")), "allow 3");
  std::swap(rules[0], rules[2]);
  EXPECT_EQ(outcome(make(rules), peer("a.example")), "allow 3");
}

TEST(Ruleset, EveryConditionMustHold) {
  RuleSetup all = for_remote("@a.example", RuleAction::allow);
  all.san = placed({"spiffe://td/ns/*"}, 1);
  all.issuer = placed({"CN=CA,O=Org"}, 1);
  all.local = placed({".here"}, 1);
  all.services = {"imap", "smtp"};
  all.uids = {1000, 33};
  all.executables = {"/usr/sbin/mail"};
  all.roles = wire::role_server;
  all.time = placed({"Mon 11:00-13:00 UTC"}, 1);
  Facts fitting = peer("u@a.example", {"u@a.example", "spiffe://TD/ns/x"});
  fitting.issuer = "CN=Sub";
  fitting.anchor = "CN=CA,O=Org";
  fitting.local = "mail.here";
  fitting.service = "smtp";
  fitting.uid = 33;
  fitting.executable = "/usr/sbin/mail";
  const auto rules = make({all});
  EXPECT_EQ(outcome(rules, fitting), "allow 1");
  const auto without = [&](auto change) {
    Facts other = fitting;
    change(other);
    return outcome(rules, other);
  };
  EXPECT_EQ(without([](Facts& f) { f.remote = "u@b.example"; }), "deny");
  EXPECT_EQ(without([](Facts& f) { f.names.pop_back(); }), "deny");
  EXPECT_EQ(without([](Facts& f) { f.anchor = "CN=CA"; }), "deny");
  EXPECT_EQ(without([](Facts& f) { f.anchor.clear(); }), "deny");
  EXPECT_EQ(without([](Facts& f) { std::swap(f.issuer, f.anchor); }), "allow 1");
  EXPECT_EQ(without([](Facts& f) { f.local = "mail.there"; }), "deny");
  EXPECT_EQ(without([](Facts& f) { f.service = "pop3"; }), "deny");
  EXPECT_EQ(without([](Facts& f) { f.uid = 0; }), "deny");
  EXPECT_EQ(without([](Facts& f) { f.executable.clear(); }), "deny");
  EXPECT_EQ(without([](Facts& f) { f.role = wire::role_client; }), "deny");
  EXPECT_EQ(without([](Facts& f) { f.now += 3600; }), "deny");
}

TEST(Ruleset, UrisAreFoundWholeOrByWhatTheyAreBelow) {
  const auto rules = make({for_san("spiffe://td/ns/prod/sa/web", RuleAction::deny, 1), for_san("SPIFFE://Td/ns/prod/*", RuleAction::allow, 2)});
  EXPECT_EQ(outcome(rules, peer("", {"spiffe://td/ns/prod/sa/web"})), "deny 1");
  EXPECT_EQ(outcome(rules, peer("", {"spiffe://td/ns/prod/sa/mail"})), "allow 2");
  EXPECT_EQ(outcome(rules, peer("", {"other.example", "spiffe://TD/ns/prod/sa/mail"})), "allow 2");
  EXPECT_EQ(outcome(rules, peer("", {"spiffe://td/ns/prod/"})), "deny") << "below it, not it";
  EXPECT_EQ(outcome(rules, peer("", {"spiffe://td/ns/prodder"})), "deny");
  EXPECT_EQ(outcome(rules, peer("", {"spiffe://td.evil/ns/prod/x"})), "deny");
  EXPECT_EQ(outcome(rules, peer("", {"spiffe://td/ns/Prod/x"})), "deny") << "paths are told apart by case";
}

TEST(Ruleset, DottedUrisAreLetInByNoRule) {
  const auto rules = make({for_san("spiffe://td/ns/prod/*", RuleAction::allow, 1), rule(RuleAction::allow, 2)});
  for (const char* uri : {"spiffe://td/ns/prod/../test", "spiffe://td/ns/prod/./x", "spiffe://td/ns/prod/%2E%2e/test", "spiffe://td/ns/prod/x%2Fy"}) {
    EXPECT_EQ(outcome(rules, peer("", {uri})), "deny") << uri;
  }
  EXPECT_EQ(outcome(make({rule(RuleAction::allow, 1)}), peer("", {"spiffe://td/../x"})), "allow 1") << "where no rule looks at URIs";
}

// The user part of a URI's text must not make a user of it.
TEST(Ruleset, NoSelectorSelectsAUri) {
  const auto rules = make({for_remote("@bank.example", RuleAction::allow, 1), for_remote(".", RuleAction::allow, 2), for_remote("@.", RuleAction::allow, 3)});
  EXPECT_EQ(outcome(rules, peer("spiffe://td/x@bank.example", {"spiffe://td/x@bank.example"})), "deny");
  EXPECT_EQ(outcome(rules, peer("spiffe://td.example")), "deny");
  EXPECT_EQ(outcome(rules, peer("::1")), "allow 2");
}

TEST(Ruleset, HooksOfARuleAreAskedBeforeThoseOfEverybody) {
  RuleSetup asking = for_remote("a.example", RuleAction::ask, 1);
  asking.hooks = {"one", "two"};
  wire::AuthorizationSetup setup;
  setup.ask = {"two", "three"};
  const auto rules = make({asking, for_remote("b.example", RuleAction::allow, 2), for_remote("c.example", RuleAction::deny, 3)}, setup);
  EXPECT_EQ(outcome(rules, peer("a.example")), "ask 1 one two three");
  EXPECT_EQ(outcome(rules, peer("b.example")), "ask 2 two three");
  EXPECT_EQ(outcome(rules, peer("c.example")), "deny 3");
  EXPECT_EQ(outcome(make({}, setup), peer("d.example")), "ask two three");
  EXPECT_FALSE(make({}, setup).asks_nothing());
}

TEST(Ruleset, TheProgramIsToldWhatTheRuleSays) {
  RuleSetup telling = for_remote("a.example", RuleAction::allow);
  telling.attributes = {"alpha", {"web", "prod"}, {{"tier", "1"}}};
  const Decision d = make({telling}).decide(peer("a.example"));
  EXPECT_EQ(d.attributes.alias, "alpha");
  EXPECT_EQ(d.attributes.groups.size(), 2u);
  EXPECT_EQ(d.attributes.values.at(0).second, "1");
  EXPECT_EQ(d.reason, "the rule at r.toml:1 allows it");
}

// A rule whose time is over may hold again, and one that holds now ends: both bound what is decided.
TEST(Ruleset, TimesBoundHowLongTheDecisionStands) {
  RuleSetup morning = for_remote("a.example", RuleAction::deny, 1);
  morning.time = placed({"14:00-15:00 UTC"}, 1);
  RuleSetup day = for_remote("a.example", RuleAction::allow, 2);
  day.time = placed({"08:00-18:00 UTC"}, 2);
  const auto rules = make({morning, day});
  EXPECT_EQ(outcome(rules, peer("a.example")), "allow 2");
  EXPECT_EQ(rules.decide(peer("a.example")).valid_until, monday_noon + 2 * 3600);
  EXPECT_EQ(rules.decide(peer("b.example")).valid_until, 0);
  EXPECT_EQ(make({day}).decide(peer("a.example")).valid_until, monday_noon + 6 * 3600);
  Facts evening = peer("a.example");
  evening.now += 7 * 3600;
  EXPECT_EQ(make({day}).decide(evening).valid_until, monday_noon + 20 * 3600);
}

TEST(Ruleset, MistakesNameTheirLine) {
  EXPECT_EQ(mistake(for_remote("*.example", RuleAction::allow, 7)).substr(0, 20), "r.toml:7: [rule] rem");
  EXPECT_EQ(mistake(for_san("web.example", RuleAction::allow, 8)), "r.toml:8: [rule] san \"web.example\" is no URI");
  EXPECT_EQ(mistake(for_san("spiffe://td/a*", RuleAction::allow, 8)), "r.toml:8: [rule] san \"spiffe://td/a*\" has a * elsewhere than at its end, behind a slash");
  EXPECT_EQ(mistake(for_san("spiffe://*", RuleAction::allow, 8)), "r.toml:8: [rule] san \"spiffe://*\" names nothing");
  EXPECT_NE(mistake(for_san("spiffe://td/../*", RuleAction::allow, 8)), "none");
  EXPECT_NE(mistake(for_san("spiffe://td/" + std::string(600, 'x'), RuleAction::allow, 8)), "none");
  RuleSetup late = rule(RuleAction::allow, 9);
  late.time = placed({"noon"}, 10);
  EXPECT_EQ(mistake(late).substr(0, 40), "r.toml:10: [rule] time: \"noon\" is no day");
  RuleSetup issued = rule(RuleAction::allow, 9);
  issued.issuer = placed({"My CA"}, 11);
  EXPECT_EQ(mistake(issued), "r.toml:11: [rule] issuer \"My CA\" is no subject of a certificate");
}

/// Rules and peers from so few words that they often meet.
class Words {
 public:
  explicit Words(unsigned seed) : random_(seed) {}
  bool one_in(unsigned n) { return random_() % n == 0; }
  template <class T>
  const T& of(const std::vector<T>& list) { return list[random_() % list.size()]; }

  RuleSetup some_rule(std::uint32_t line) {
    RuleSetup out = rule(static_cast<RuleAction>(random_() % 2), line);
    const auto some = [&](const std::vector<std::string>& from) {
      std::vector<std::string> texts;
      for (unsigned n = random_() % 3; texts.size() <= n;) texts.push_back(of(from));
      return texts;
    };
    if (!one_in(3)) out.remote = placed(some(selectors), line);
    if (one_in(3)) out.san = placed(some(patterns), line);
    if (one_in(5)) out.issuer = placed(some(subjects), line);
    if (one_in(4)) out.local = placed(some(selectors), line);
    if (one_in(4)) out.services = some(services);
    if (one_in(6)) out.uids = {static_cast<std::uint32_t>(random_() % 3)};
    if (one_in(6)) out.executables = some(executables);
    if (one_in(6)) out.roles = wire::role_client;
    if (one_in(6)) out.time = placed(some(times), line);
    return out;
  }

  Facts some_peer() {
    Facts out = peer(one_in(8) ? "" : of(identities));
    for (unsigned n = random_() % 4; n > 0; --n) out.names.push_back(one_in(3) ? of(identities) : of(uris));
    if (!one_in(4)) out.issuer = of(subjects);
    if (!one_in(4)) out.anchor = of(subjects);
    if (!one_in(3)) out.local = of(identities);
    out.service = of(services);
    out.uid = random_() % 3;
    if (!one_in(3)) out.executable = of(executables);
    if (one_in(2)) out.role = wire::role_client;
    out.now += static_cast<std::time_t>(random_() % (7 * 86400));
    return out;
  }

  const std::vector<std::string> selectors{"a.b.c", ".b.c", ".c", ".", "u@a.b.c", "@a.b.c", "@.c", "u@.", "@.", "d", "192.0.2.1"};
  const std::vector<std::string> identities{"a.b.c", "x.b.c", "b.c", "d", "u@a.b.c", "v@a.b.c", "u@d", "192.0.2.1"};
  const std::vector<std::string> patterns{"spiffe://td/a", "spiffe://td/*", "spiffe://td/a/*", "urn:x:1", "spiffe://other/*"};
  const std::vector<std::string> uris{"spiffe://td/a", "spiffe://td/a/b", "spiffe://td/b", "urn:x:1", "spiffe://other/a/b/c"};
  const std::vector<std::string> subjects{"CN=A", "CN=B", "CN=C"};
  const std::vector<std::string> services{"smtp", "imap", ""};
  const std::vector<std::string> executables{"/a", "/b"};
  const std::vector<std::string> times{"Mon-Wed UTC", "08:00-12:00 UTC", "Sun 20:00-04:00 UTC"};

 private:
  std::mt19937 random_;
};

// One rule after the other, as the manual says it, without an index.
std::string by_force(const std::vector<RuleSetup>& setups, const Facts& facts) {
  const Asked asked(facts);
  for (const RuleSetup& setup : setups) {
    const Rule rule = *Rule::make(setup);
    if (rule.fits(asked) && rule.in_time(facts.now)) return (rule.action == RuleAction::allow ? "allow " : "deny ") + std::to_string(setup.line);
  }
  return setups.empty() ? "allow" : "deny";
}

TEST(Ruleset, TheIndexFindsWhatALookAtEveryRuleFinds) {
  std::size_t decided = 0;
  for (unsigned seed = 0; seed < 300; ++seed) {
    Words words(seed);
    std::vector<RuleSetup> setups;
    for (std::uint32_t line = 1; line <= seed % 40; ++line) {
      setups.push_back(words.some_rule(line));
      if (setups.back().services == std::vector<std::string>{""}) setups.back().services.clear();
    }
    const auto rules = make(setups);
    for (int i = 0; i < 60; ++i) {
      const Facts facts = words.some_peer();
      const std::string expected = by_force(setups, facts);
      ASSERT_EQ(outcome(rules, facts), expected) << "seed " << seed << " peer " << i;
      if (expected.size() > 5) ++decided;
    }
  }
  EXPECT_GT(decided, 5000u);
}

// A hundred thousand rules: as many are looked at as fit by their key.
TEST(Ruleset, ManyRulesAreFoundByTheirKeys) {
  std::vector<RuleSetup> setups;
  for (std::uint32_t i = 0; i < 100'000; ++i) {
    const std::string n = std::to_string(i);
    setups.push_back(i % 2 == 0 ? for_remote("h" + n + ".example", RuleAction::allow, i + 1) : for_san("spiffe://td/ns/" + n + "/*", RuleAction::allow, i + 1));
  }
  const auto rules = make(setups);
  EXPECT_EQ(rules.size(), 100'000u);
  for (const std::uint32_t i : {0u, 4u, 99'998u}) EXPECT_EQ(outcome(rules, peer("h" + std::to_string(i) + ".example")), "allow " + std::to_string(i + 1));
  EXPECT_EQ(outcome(rules, peer("x", {"spiffe://td/ns/99999/sa"})), "allow 100000");
  EXPECT_EQ(outcome(rules, peer("h1.example")), "deny");
}

}  // namespace
}  // namespace tlspool::authz
