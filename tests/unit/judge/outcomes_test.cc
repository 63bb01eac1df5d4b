// SPDX-License-Identifier: Apache-2.0
#include "judge/outcomes.h"

#include <gtest/gtest.h>

#include <ctime>

#include "../turn_until.h"
#include "memcached_server.h"

namespace tlspool::judge {
namespace {

using test::MemcachedServer;
using Mood = MemcachedServer::Mood;
using namespace std::chrono_literals;

wire::ChainVerdict accepted_as(std::string identity) {
  wire::ChainVerdict v;
  v.accepted = true;
  v.identity = std::move(identity);
  v.how = "chain";
  v.keep.cost = true;
  return v;
}

wire::ChainVerdict refused() {
  wire::ChainVerdict v;
  v.check = "ocsp";
  v.reason = "revoked";
  v.keep.cost = true;
  return v;
}

wire::ChainQuery question() {
  wire::ChainQuery q;
  q.expected = "www.example";
  q.chain = {Bytes{1, 2, 3}, Bytes{4}};
  q.service = "imap";
  q.caller = {1000, "/usr/bin/mail"};
  return q;
}

class OutcomesTest : public testing::Test {
 protected:
  wire::CacheSetup setup(std::vector<std::string> servers = {}) {
    wire::CacheSetup out;
    out.servers = std::move(servers);
    out.key = Bytes(32, 9);
    out.patience_ms = 1000;  // the machine may be busy
    out.policy = Bytes(32, 1);
    return out;
  }
  std::unique_ptr<Outcomes> made(const wire::CacheSetup& of, CallerMatters caller = {}) {
    auto out = std::make_unique<Outcomes>(loop);
    EXPECT_TRUE(out->set(of, caller));
    return out;
  }
  static authz::EntryKey key(const Outcomes& outcomes, const wire::ChainQuery& query) { return outcomes.key_of(query).value().entry; }
  /// What the cluster says.
  std::optional<wire::ChainVerdict> ask(Outcomes& outcomes, const wire::ChainQuery& query) {
    bool answered = false;
    std::optional<wire::ChainVerdict> out;
    auto looked = outcomes.look_up(outcomes.key_of(query).value(), [&](std::optional<wire::ChainVerdict> found) {
      answered = true;
      out = std::move(found);
    });
    if (auto* at_once = std::get_if<std::optional<wire::ChainVerdict>>(&looked)) return *at_once;
    until([&] { return answered; });
    return out;
  }
  template <class Condition>
  void until(Condition happened) {
    EXPECT_TRUE(test::turn_until(loop, happened));
  }
  void put(Outcomes& outcomes, const wire::ChainQuery& query, const wire::ChainVerdict& verdict) {
    const std::size_t before = server.items().size();
    outcomes.judged(outcomes.key_of(query), verdict);
    until([&] { return server.items().size() > before; });
  }

  MemcachedServer server;
  Loop loop;
};

TEST_F(OutcomesTest, AreFoundByEverythingInTheQuestion) {
  const auto outcomes = made(setup());
  const wire::ChainQuery q = question();
  const std::function<void(wire::ChainQuery&)> changes[] = {
      [](auto& c) { c.peer_is_server = false; },  [](auto& c) { c.expected = "mail.example"; },
      [](auto& c) { c.chain[0][0] = 9; },         [](auto& c) { c.chain = {Bytes{1, 2}, Bytes{3, 4}}; },
      [](auto& c) { c.chain.pop_back(); },        [](auto& c) { c.service = "smtp"; },
      [](auto& c) { c.any_usage = true; },        [](auto& c) { c.pin = Bytes(32); },
      [](auto& c) { c.first_contact = true; },    [](auto& c) { c.stage = wire::Stage::authorization; },
      [](auto& c) { c.local = "joe@a.example"; }, [](auto& c) { c.connection.forward_secrecy = true; },
      [](auto& c) { c.connection.port = 25; },    [](auto& c) { c.connection.stapled = Bytes{1}; },
      [](auto& c) { c.connection.quantum_safe = true; }, [](auto& c) { c.connection.shared_key = wire::SharedKeyUse::one_time; },
      [](auto& c) { c.caller.uid = 0; },          [](auto& c) { c.caller.executable = "/bin/sh"; },
      [](auto& c) { c.proof = Bytes{1}; },
  };
  int number = 0;
  for (const auto& change : changes) {
    wire::ChainQuery other = q;
    change(other);
    EXPECT_NE(key(*outcomes, other), key(*outcomes, q)) << number;
    ++number;
  }
  EXPECT_EQ(key(*outcomes, question()), key(*outcomes, q));
}

TEST_F(OutcomesTest, ACallerWhomNoRuleLooksAtMakesNoDifference) {
  const auto outcomes = made(setup(), {false, false});
  wire::ChainQuery other = question();
  other.caller = {5, "/bin/sh"};
  EXPECT_EQ(key(*outcomes, other), key(*outcomes, question()));
}

TEST_F(OutcomesTest, AreFoundByWhatTheJudgeDecidesBy) {
  const auto first = made(setup());
  const authz::EntryKey same = key(*made(setup()), question());
  EXPECT_EQ(key(*first, question()), same);
  auto other = setup();
  other.policy = Bytes(32, 2);
  EXPECT_NE(key(*made(other), question()), same);
  other = setup();
  other.generation = 1;
  EXPECT_NE(key(*made(other), question()), same);
  other = setup();
  other.key = Bytes(32, 8);
  EXPECT_NE(key(*made(other), question()), same);
  EXPECT_NE(key(*made(setup(), {true, false}), question()), same);
  first->depend_on(Bytes{1});  // something was revoked
  EXPECT_NE(key(*first, question()), same);
}

TEST_F(OutcomesTest, WithoutAClusterTheKeyIsThePoolsOwn) {
  auto alone = setup({server.name});
  alone.key.clear();
  const auto a = made(alone);
  const auto b = made(alone);
  EXPECT_NE(key(*a, question()), key(*b, question()));
  EXPECT_FALSE(a->shares());
}

TEST_F(OutcomesTest, AFreshVerdictReplacesWhatWasRemembered) {
  const auto outcomes = made(setup());
  wire::ChainQuery q = question();
  q.fresh = true;
  EXPECT_EQ(key(*outcomes, q), key(*outcomes, question()));
  outcomes->judged(outcomes->key_of(question()), accepted_as("a"));
  wire::ChainVerdict v = refused();
  v.keep.unsure = true;
  outcomes->judged(outcomes->key_of(q), v);
  EXPECT_EQ(outcomes->recall(*outcomes->key_of(question())), nullptr);
}

TEST_F(OutcomesTest, AnExplanationIsNotRemembered) {
  const auto outcomes = made(setup());
  wire::ChainQuery q = question();
  q.explain = true;
  EXPECT_FALSE(outcomes->key_of(q));
  auto nothing = setup();
  nothing.entries = 0;
  EXPECT_FALSE(made(nothing)->key_of(question()));
}

TEST_F(OutcomesTest, AreRecalledAsTheyWere) {
  const auto outcomes = made(setup());
  const auto key = outcomes->key_of(question());
  EXPECT_EQ(outcomes->recall(*key), nullptr);
  outcomes->judged(key, accepted_as("www.example"));
  ASSERT_NE(outcomes->recall(*key), nullptr);
  EXPECT_EQ(outcomes->recall(*key)->identity, "www.example");
  EXPECT_EQ(outcomes->counters().judged, 1U);
}

TEST_F(OutcomesTest, WhatMayBeAnotherInAMomentIsNotKept) {
  const auto outcomes = made(setup());
  const auto key = outcomes->key_of(question());
  wire::ChainVerdict v = refused();
  v.keep.unsure = true;
  outcomes->judged(key, v);
  v = refused();
  v.check = "judge";
  outcomes->judged(key, v);
  v = accepted_as("a");
  v.valid_until = std::time(nullptr);
  outcomes->judged(key, v);
  v = accepted_as("a");
  v.keep.until = std::time(nullptr) - 1;
  outcomes->judged(key, v);
  EXPECT_EQ(outcomes->counters().entries, 0U);
}

TEST_F(OutcomesTest, RefusalsAreNotKeptWhereTheyHaveNoTime) {
  auto no_refusals = setup();
  no_refusals.negative_ttl = 0;
  const auto outcomes = made(no_refusals);
  outcomes->judged(outcomes->key_of(question()), refused());
  EXPECT_EQ(outcomes->counters().entries, 0U);
}

TEST_F(OutcomesTest, WhatHasChangedIsForgotten) {
  const auto outcomes = made(setup());
  const auto before = outcomes->key_of(question());
  outcomes->judged(before, accepted_as("a"));
  outcomes->forget();
  EXPECT_EQ(outcomes->recall(*outcomes->key_of(question())), nullptr);
  outcomes->judged(before, accepted_as("a"));  // it was asked before the change, and may rest on what was
  EXPECT_EQ(outcomes->recall(*before), nullptr);
  EXPECT_EQ(outcomes->recall(*outcomes->key_of(question())), nullptr);
}

TEST_F(OutcomesTest, AnotherPoolFindsThem) {
  const auto a = made(setup({server.name}));
  const auto b = made(setup({server.name}));
  EXPECT_FALSE(ask(*b, question()));
  put(*a, question(), accepted_as("www.example"));
  const auto found = ask(*b, question());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->identity, "www.example");
  EXPECT_NE(b->recall(*b->key_of(question())), nullptr);
  EXPECT_EQ(b->counters().shared, 1U);
}

TEST_F(OutcomesTest, WhatCostNothingStaysHere) {
  const auto outcomes = made(setup({server.name}));
  wire::ChainVerdict v = accepted_as("a");
  v.keep.cost = false;
  outcomes->judged(outcomes->key_of(question()), v);
  EXPECT_EQ(outcomes->counters().entries, 1U);
  EXPECT_EQ(outcomes->counters().put, 0U);
}

TEST_F(OutcomesTest, NoPoolBelievesLongerThanItsOwnConfigurationAllows) {
  auto trusting = setup({server.name});
  trusting.ttl = 86400;
  trusting.negative_ttl = 3600;
  const auto a = made(trusting);
  put(*a, question(), refused());
  auto cautious = setup({server.name});
  cautious.negative_ttl = 0;
  const auto b = made(cautious);
  EXPECT_FALSE(ask(*b, question()));
  EXPECT_EQ(b->counters().worthless, 1U);
}

TEST_F(OutcomesTest, PoisonIsWorthless) {
  const auto a = made(setup({server.name}));
  put(*a, question(), accepted_as("www.example"));
  const auto [name, good] = *server.items().begin();
  std::uint64_t worthless = 0;
  for (const std::string& bad :
       {std::string(), std::string("yes"), std::string(100'000, 'x'), good.substr(1), good + "x", std::string(good.rbegin(), good.rend())}) {
    server.put(name, bad);
    const auto b = made(setup({server.name}));
    EXPECT_FALSE(ask(*b, question()));
    EXPECT_EQ(b->counters().worthless, 1U) << bad.substr(0, 20);
    EXPECT_EQ(b->counters().entries, 0U);
    ++worthless;
  }
  EXPECT_EQ(worthless, 6U);
}

TEST_F(OutcomesTest, AnEntryOfAnotherQuestionIsWorthless) {
  const auto a = made(setup({server.name}));
  put(*a, question(), accepted_as("mallory.example"));
  const std::string mallorys = server.items().begin()->second;
  wire::ChainQuery other = question();
  other.expected = "bank.example";
  put(*a, other, refused());
  for (const auto& [name, value] : server.items()) server.put(name, mallorys);
  EXPECT_FALSE(ask(*made(setup({server.name})), other));
}

class MoodTest : public OutcomesTest, public testing::WithParamInterface<Mood> {};

TEST_P(MoodTest, AServerThatFailsIsLeftOutAndNobodyWaitsLong) {
  auto as_configured = setup({server.name});
  as_configured.patience_ms = wire::CacheSetup{}.patience_ms;
  const auto outcomes = made(as_configured);
  server.mood = GetParam();
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < 50; ++i) EXPECT_FALSE(ask(*outcomes, question()));
  // 50 times 20 ms at most, and what a busy machine takes.
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 15s);
  until([&] {
    (void)ask(*outcomes, question());
    return outcomes->counters().away == 1 || outcomes->counters().late > 100;
  });
  EXPECT_LT(server.gets, 50);
  server.mood = Mood::honest;
  until([&] { return outcomes->counters().away == 0; });
  wire::ChainQuery other = question();
  until([&] {  // it is tried again, and serves again
    other.expected += "x";
    outcomes->judged(outcomes->key_of(other), accepted_as("a"));
    loop.turn(50ms);
    return !server.items().empty();
  });
}

INSTANTIATE_TEST_SUITE_P(Moods, MoodTest, testing::Values(Mood::silent, Mood::closing, Mood::babbling, Mood::promising, Mood::trickling));

TEST_F(OutcomesTest, AFullServerIsNotLeftOut) {
  const auto outcomes = made(setup({server.name}));
  server.mood = Mood::full;
  for (int i = 0; i < 5; ++i) {
    outcomes->judged(outcomes->key_of(question()), accepted_as("a"));
    EXPECT_FALSE(ask(*outcomes, question()));
  }
  EXPECT_EQ(outcomes->counters().failed, 0U);
}

TEST_F(OutcomesTest, ALookupThatIsCancelledSaysNothing) {
  const auto outcomes = made(setup({server.name}));
  bool said = false;
  auto looked = outcomes->look_up(*outcomes->key_of(question()), [&](const auto&) { said = true; });
  std::get<Outcomes::Cancel>(looked)();
  until([&] { return server.gets == 1; });
  loop.turn(50ms);
  EXPECT_FALSE(said);
}

TEST_F(OutcomesTest, AReloadKeepsNobodyWaiting) {
  const auto outcomes = made(setup({server.name}));
  server.mood = Mood::silent;
  int said = 0;
  (void)outcomes->look_up(*outcomes->key_of(question()), [&](const auto& found) { said += found ? 100 : 1; });
  outcomes->add_blob({"tlspool1t-x", Bytes{1}, 60}, [&](const wire::SharedBlob& blob) { said += blob.sealed.empty() ? 10 : 100; });
  EXPECT_TRUE(outcomes->set(setup(), {}));
  EXPECT_EQ(said, 11);
}

TEST_F(OutcomesTest, OfTwoBlobsTheFirstWins) {
  const auto outcomes = made(setup({server.name}));
  std::vector<Bytes> there;
  for (const Bytes& offered : {Bytes{1, 2}, Bytes{3}}) {
    outcomes->add_blob({"tlspool1t-x", offered, 60}, [&](const wire::SharedBlob& blob) { there.push_back(blob.sealed); });
    until([&, count = there.size()] { return there.size() > count; });
  }
  EXPECT_EQ(there, (std::vector<Bytes>{{1, 2}, {1, 2}}));
}

TEST_F(OutcomesTest, WithoutMemcachedThereIsNoBlob) {
  const auto outcomes = made(setup());
  std::optional<Bytes> there;
  outcomes->add_blob({"tlspool1t-x", Bytes{1}, 60}, [&](const wire::SharedBlob& blob) { there = blob.sealed; });
  EXPECT_EQ(there, Bytes{});
}

}  // namespace
}  // namespace tlspool::judge
