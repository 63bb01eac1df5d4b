// SPDX-License-Identifier: Apache-2.0
#include "pool_fixture.h"

namespace tlspool::supervisor {
namespace {

TEST_F(PoolTest, EveryWorkerGetsItsChannels) {
  start();
  const auto all = rows();
  ASSERT_EQ(all.size(), 2u);
  for (const auto& row : all) {
    EXPECT_EQ(row.sent, 211u) << "two tokens, one judge, one listener";
    EXPECT_EQ(row.local_identity, "web.example");
  }
}

TEST_F(PoolTest, DeadWorkerIsStartedAgainWithAllChannels) {
  start();
  const auto before = rows();
  kill_and_wait("worker-1");
  const auto after = rows();
  EXPECT_EQ(after[0].id, before[0].id);
  EXPECT_NE(after[1].id, before[1].id);
  EXPECT_EQ(after[1].sent, 211u);
}

TEST_F(PoolTest, DeadKeeperIsStartedAgainAndWorkersGetNewEnds) {
  start();
  kill_and_wait("keeper");
  EXPECT_EQ(rows()[0].sent, 411u);
}

TEST_F(PoolTest, DeadJudgeIsStartedAgainAndWorkersGetNewEnds) {
  start();
  kill_and_wait("judge");
  EXPECT_EQ(rows()[1].sent, 221u);
}

TEST_F(PoolTest, ProcessThatDiesAtTheStartEndsThePool) {
  setenv("FAKE_BROKEN", "judge", 1);
  make();
  ASSERT_TRUE(pool->start());
  EXPECT_TRUE(until([this] { return !why.empty(); }));
  EXPECT_EQ(why, "judge: exit status 7");
  EXPECT_FALSE(ready);
}

TEST_F(PoolTest, MissingKeeperDirectorySaysWhatToDo) {
  std::filesystem::remove(directory + "/keeper");
  make();
  const auto done = pool->start();
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().text().find("chdir: " + directory + "/keeper"), std::string::npos) << done.error().text();
  EXPECT_NE(done.error().text().find("tlspool init"), std::string::npos);
}

TEST_F(PoolTest, NoProcessIsLeftAfterTheStop) {
  start();
  std::vector<pid_t> pids;
  for (const Child* c : pool->children()) pids.push_back(c->pid());
  stop();
  for (const pid_t pid : pids) EXPECT_NE(kill(pid, 0), 0);
  pool.reset();
}

TEST_F(PoolTest, StatusFitsTheInterfaceAndAddsTheWorkersUp) {
  start();
  const auto answer = call("io.tlspool.Admin.Status");
  EXPECT_EQ(answer.error, "");
  EXPECT_TRUE(wire::admin_interface().check_reply("Status", answer.parameters));
  EXPECT_EQ(answer.parameters.number("completed"), 6);
  EXPECT_EQ(answer.parameters.number("trustAnchors"), 5);
  ASSERT_NE(answer.parameters.find("outcomes"), nullptr);
  EXPECT_EQ(answer.parameters.find("outcomes")->number("judged"), 7);
  EXPECT_EQ(answer.parameters.find("processes")->elements()->size(), 4u);
}

TEST_F(PoolTest, SessionsFitTheInterface) {
  start();
  const auto answer = call("io.tlspool.Admin.Sessions");
  EXPECT_TRUE(wire::admin_interface().check_reply("Sessions", answer.parameters));
  EXPECT_EQ(answer.parameters.find("sessions")->elements()->size(), 2u);
}

TEST_F(PoolTest, PinConnectionLeadsToTheKeeper) {
  start();
  const auto answer = call("io.tlspool.Admin.EnterPin", wire::Value::object().set("token", "office"));
  ASSERT_EQ(answer.error, "");
  EXPECT_EQ(answer.parameters.number("pinFileDescriptor", -1), 0);
  ASSERT_EQ(answer_fds.size(), 1u);
  char line[8]{};
  EXPECT_EQ(read(answer_fds[0].get(), line, sizeof line), 3);
  EXPECT_STREQ(line, "ok\n");
}

TEST_F(PoolTest, PinOfAnUnknownTokenIsRefused) {
  start();
  const auto answer = call("io.tlspool.Admin.EnterPin", wire::Value::object().set("token", "attic"));
  EXPECT_EQ(answer.error, "io.tlspool.Admin.TokenUnknown");
}

TEST_F(PoolTest, WrongParametersAreNamed) {
  start();
  const auto answer = call("io.tlspool.Admin.EnterPin");
  EXPECT_EQ(answer.error, "org.varlink.service.InvalidParameter");
  EXPECT_EQ(answer.parameters.text("parameter"), "token");
}

TEST_F(PoolTest, EveryWorkerHasAKeyChannelAndGetsANewOneWhenTheKeeperOrItDied) {
  start();
  EXPECT_EQ(rows()[0].received, 10u);
  kill_and_wait("keeper");
  EXPECT_EQ(rows()[0].received, 20u);
  EXPECT_EQ(rows()[1].received, 20u);
  kill_and_wait("worker-1");
  EXPECT_EQ(rows()[0].received, 20u);
  EXPECT_EQ(rows()[1].received, 10u);
}

TEST_F(PoolTest, WithoutAKeyManagementEntityThereIsNoFetcher) {
  start();
  EXPECT_EQ(names(), (std::vector<std::string>{"keeper", "judge", "worker-0", "worker-1"}));
  EXPECT_EQ(fetcher_of_keeper(), '-');
}

TEST_F(PoolTest, FetcherIsJoinedToTheKeeperAndEveryWorker) {
  first = content_with_kme();
  start();
  EXPECT_EQ(names(), (std::vector<std::string>{"keeper", "judge", "fetcher", "worker-0", "worker-1"}));
  EXPECT_EQ(rows()[0].received, 11u);
  EXPECT_EQ(rows()[1].received, 11u);
  EXPECT_EQ(fetcher_of_keeper(), 'f');
}

TEST_F(PoolTest, FetcherIsJoinedAnewWhoeverDied) {
  first = content_with_kme();
  start();
  kill_and_wait("fetcher");
  EXPECT_EQ(rows()[0].received, 12u);
  EXPECT_EQ(fetcher_of_keeper(), 'f');
  kill_and_wait("keeper");
  EXPECT_EQ(rows()[0].received, 22u);
  EXPECT_EQ(fetcher_of_keeper(), 'f');
  kill_and_wait("worker-0");
  EXPECT_EQ(rows()[0].received, 11u);
  EXPECT_EQ(rows()[1].received, 22u);
}

TEST_F(PoolTest, EachEntityMayShakeHandsWithEachWorkerAtTheSameTime) {
  first = content_with_kme();
  start();
  EXPECT_EQ(rows()[0].received, 11u);
  second = content_with_kme();
  second.config.kmes.push_back({"kme-b", "kme-b.example", 443, "", "web.example", "kme-b.example", 1000});
  EXPECT_EQ(call("io.tlspool.Admin.Reload").error, "");
  EXPECT_EQ(rows()[0].received, 12u);
  kill_and_wait("worker-1");
  EXPECT_EQ(rows()[1].received, 12u);
}

TEST_F(PoolTest, KeyConnectionWhileTheKeeperIsStartedAgainSaysSo) {
  start();
  auto pair = socket_pair(SOCK_STREAM, false);
  ASSERT_TRUE(pair);
  named("keeper").signal(SIGKILL);
  ASSERT_TRUE(until([this] { return !named("keeper").running(); }));
  pool->open_keys(std::move(pair->first));
  const auto frame = receive_frame(pair->second.get());
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->kind, wire::KeyAdminKind::key_failed);
  const auto failure = wire::decode<wire::Failure>(frame->body);
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->code, static_cast<decltype(failure->code)>(Code::busy));
}

}  // namespace
}  // namespace tlspool::supervisor
