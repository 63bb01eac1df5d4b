// SPDX-License-Identifier: Apache-2.0
// A new configuration: who is told, in which order, and what a mistake leaves as it was.
#include "pool_fixture.h"

namespace tlspool::supervisor {
namespace {

TEST_F(PoolTest, ReloadReachesEveryWorkerBeforeItIsAnswered) {
  start();
  const Bytes before = pool->setup().policy;
  EXPECT_EQ(call("io.tlspool.Admin.Reload").error, "");
  EXPECT_EQ(rows()[0].local_identity, "new.example");
  EXPECT_EQ(rows()[1].local_identity, "new.example");
  EXPECT_NE(pool->setup().policy, before);
}

TEST_F(PoolTest, BrokenConfigurationIsRefusedAndTheOldOneStays) {
  start();
  broken = true;
  const auto answer = call("io.tlspool.Admin.Reload");
  EXPECT_EQ(answer.error, "io.tlspool.Admin.ConfigurationRefused");
  EXPECT_EQ(answer.parameters.text("message"), "configuration: tlspool.toml:3: broken");
  EXPECT_EQ(rows()[0].local_identity, "web.example");
}

TEST_F(PoolTest, WhatTheJudgeCanNotReadIsRefusedAndTheOldConfigurationStays) {
  setenv("FAKE_REFUSES", "1", 1);
  start();
  const Bytes before = pool->setup().policy;
  const auto answer = call("io.tlspool.Admin.Reload");
  unsetenv("FAKE_REFUSES");
  EXPECT_EQ(answer.error, "io.tlspool.Admin.ConfigurationRefused");
  EXPECT_NE(answer.parameters.text("message").find("the judge: "), std::string::npos) << answer.parameters.text("message");
  EXPECT_EQ(rows()[0].local_identity, "web.example");
  EXPECT_EQ(pool->setup().policy, before);
  kill_and_wait("judge");
  EXPECT_EQ(call("io.tlspool.Admin.Reload").error, "");
  EXPECT_EQ(rows()[0].local_identity, "new.example");
}

TEST_F(PoolTest, AnEndOfTheJudgeWhileItLooksAtANewConfigurationIsAnError) {
  start();
  named("judge").signal(SIGSTOP);
  bool refused = false;
  pool->reload(second, [&](const Status& done) { refused = !done; });
  named("judge").signal(SIGKILL);
  EXPECT_TRUE(until([&] { return refused; }));
  EXPECT_TRUE(until([this] { return named("judge").phase() == Child::Phase::ready; }));
  EXPECT_EQ(call("io.tlspool.Admin.Reload").error, "");
  EXPECT_EQ(rows()[0].local_identity, "new.example");
}

TEST_F(PoolTest, ReloadsThatComeTogetherAreAllAnsweredAndTheLastOneCounts) {
  start();
  int answered = 0;
  for (int i = 0; i < 5; ++i) pool->reload(i < 4 ? content() : renamed(), [&](const Status& done) { answered += done ? 1 : 0; });
  EXPECT_TRUE(until([&] { return answered == 5; }));
  EXPECT_EQ(rows()[0].local_identity, "new.example");
}

TEST_F(PoolTest, ReloadStartsAndEndsTheFetcher) {
  start();
  second = content_with_kme();
  EXPECT_EQ(call("io.tlspool.Admin.Reload").error, "");
  EXPECT_EQ(named("fetcher").phase(), Child::Phase::ready);
  EXPECT_EQ(rows()[0].received, 11u);
  EXPECT_EQ(fetcher_of_keeper(), 'f');
  kill_and_wait("fetcher");
  second = content();
  EXPECT_EQ(call("io.tlspool.Admin.Reload").error, "");
  EXPECT_TRUE(until([this] { return names().size() == 4; }));
  second = content_with_kme();
  EXPECT_EQ(call("io.tlspool.Admin.Reload").error, "");
  EXPECT_EQ(named("fetcher").phase(), Child::Phase::ready);
  EXPECT_EQ(rows()[0].received, 13u);
}

TEST_F(PoolTest, ReloadOfPeersReachesTheWorkersAndChangesThePolicy) {
  start();
  const Bytes before = pool->setup().policy;
  second = content();
  second.config.peers.emplace_back().name = "b.example";
  EXPECT_EQ(call("io.tlspool.Admin.Reload").error, "");
  EXPECT_EQ(rows()[0].started, 1);
  EXPECT_NE(pool->setup().policy, before);
}

}  // namespace
}  // namespace tlspool::supervisor
