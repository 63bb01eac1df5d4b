// SPDX-License-Identifier: Apache-2.0
// The supervisor's wiring with processes that only pretend (fake_process_test.cc).
#include "supervisor/pool.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>

#include "base/socket.h"
#include "supervisor/admin.h"
#include "wire/key_admin.h"
#include "wire/varlink.h"

namespace tlspool::supervisor {
namespace {

using namespace std::chrono_literals;

config::Config two_tokens() {
  config::Config config;
  config.tokens.push_back({"default", "/m.so", "pkcs11:token=x", "", "", 4});
  config.tokens.push_back({"office", "/m.so", "pkcs11:token=y", "", "", 4});
  config::Identity web{"web.example", {}, wire::role_server};
  web.credentials.push_back({"pkcs11:object=web", "/web.pem", "default", 1, "f"});
  config.identities.push_back(web);
  return config;
}

Content content() { return {two_tokens(), {{{"/web.pem", {Bytes{1}}}}, {}}, {}}; }

Content content_with_kme() {
  Content out = content();
  out.config.kmes.push_back({"kme-a", "kme.example", 443, "", "web.example", "kme.example", 1000});
  return out;
}

Content renamed() {
  Content out = content();
  out.config.identities[0].name = "new.example";
  return out;
}

class PoolTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/tlspool-pool-XXXXXX";
    directory = mkdtemp(name);
    std::filesystem::create_directories(directory + "/keeper");
  }
  void TearDown() override {
    admin.reset();
    if (pool) stop();
    pool.reset();
    child.reset();
    std::filesystem::remove_all(directory);
    unsetenv("FAKE_BROKEN");
  }
  void make() {
    config::Paths paths{directory, directory + "/keeper", directory + "/run", directory + "/judge"};
    UniqueFd listener = listen_unix(directory + "/pool.sock", 0600).value();
    pool = std::make_unique<Pool>(loop, Ground{paths, {getuid(), getgid()}, {}, {}, {}, 2, {}}, first,
                                  std::move(listener),
                                  Pool::Events{[this] { ready = true; }, [this](const std::string& w) { why = w; }});
    child = std::make_unique<SignalWatch>(loop, SIGCHLD, [this](int) { pool->reap(); });
  }
  void start() {
    make();
    ASSERT_TRUE(pool->start());
    ASSERT_TRUE(until([this] { return ready; })) << why;
  }
  void stop() {
    bool stopped = false;
    pool->stop([&] { stopped = true; });
    EXPECT_TRUE(until([&] { return stopped; }));
  }
  template <class Condition>
  bool until(Condition condition) {
    bool late = false;
    Timer deadline(loop);
    deadline.start(10s, [&] { late = true; });
    while (!late) {
      if (condition()) return true;
      loop.turn(std::chrono::milliseconds{100});
    }
    return false;
  }
  std::vector<wire::SessionRow> rows() {
    std::optional<std::vector<wire::SessionRow>> out;
    pool->ask_workers(wire::Kind::sessions_query, [&](const std::vector<Bytes>& lists) {
      out.emplace();
      for (const Bytes& b : lists) {
        const auto list = wire::decode<wire::SessionList>(b);
        for (const auto& row : list->sessions) out->push_back(row);
      }
    });
    EXPECT_TRUE(until([&] { return out.has_value(); }));
    std::sort(out->begin(), out->end(), [](const auto& a, const auto& b) { return a.worker < b.worker; });
    return *out;
  }
  Child& named(const std::string& name) {
    for (Child* c : pool->children()) {
      if (c->name() == name) return *c;
    }
    std::abort();
  }
  void kill_and_wait(const std::string& name) {
    Child& c = named(name);
    c.signal(SIGKILL);
    EXPECT_TRUE(until([&] { return c.restarts() == 1 && c.phase() == Child::Phase::ready; }));
  }
  // 'f': the keeper and the fetcher share a channel; '-': the keeper has none.
  char fetcher_of_keeper() {
    const auto answer = call("io.tlspool.Admin.OpenKeys");
    EXPECT_EQ(answer.error, "");
    EXPECT_EQ(answer.parameters.number("keysFileDescriptor", -1), 0);
    char line[4]{};
    EXPECT_EQ(answer_fds.empty() ? 0 : read(answer_fds[0].get(), line, 3), 3);
    return line[2];
  }
  std::vector<std::string> names() {
    std::vector<std::string> out;
    for (const Child* c : pool->children()) out.push_back(c->name());
    return out;
  }
  // One call on the administrators' socket; fills `answer_fds`.
  wire::Answer call(const std::string& method, wire::Value parameters = wire::Value::object()) {
    const std::string path = directory + "/admin.sock";
    if (!admin) {
      admin_socket = listen_unix(path, 0600).value();
      admin = std::make_unique<Admin>(loop, admin_socket.get(), *pool, [this](std::function<void(Status)> done) {
        if (broken) return done(fail({Code::config, "configuration", "tlspool.toml:3", "broken", {}}));
        pool->reload(second, std::move(done));
      });
    }
    const UniqueFd client = connect_unix(path).value();
    (void)transmit(client.get(), view(wire::call_text(method, std::move(parameters))), {});
    std::string text;
    answer_fds.clear();
    const bool came = until([&] {
      std::array<std::uint8_t, 65536> buffer;
      auto got = receive(client.get(), buffer, MSG_DONTWAIT);
      if (!got || !*got) {
        Timer soon(loop);
        soon.start(1ms, [] {});
        loop.turn(std::chrono::milliseconds{100});
        return false;
      }
      for (auto& fd : (*got)->descriptors) answer_fds.push_back(std::move(fd));
      text += text_of({buffer.data(), (*got)->size});
      return !text.empty() && text.back() == '\0';
    });
    EXPECT_TRUE(came);
    if (!text.empty()) text.pop_back();
    auto answer = wire::parse_answer(text);
    EXPECT_TRUE(answer) << text;
    return answer ? *answer : wire::Answer{};
  }

  Loop loop;
  std::string directory;
  bool ready = false;
  bool broken = false;
  Content first = content();
  Content second = renamed();  // after a reload
  std::string why;
  UniqueFd admin_socket;
  std::vector<UniqueFd> answer_fds;
  std::unique_ptr<Pool> pool;
  std::unique_ptr<SignalWatch> child;
  std::unique_ptr<Admin> admin;
};

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

TEST_F(PoolTest, ReloadOfPeersReachesTheWorkersAndChangesThePolicy) {
  start();
  const Bytes before = pool->setup().policy;
  second = content();
  second.config.peers.emplace_back().name = "b.example";
  EXPECT_EQ(call("io.tlspool.Admin.Reload").error, "");
  EXPECT_EQ(rows()[0].started, 1);
  EXPECT_NE(pool->setup().policy, before);
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
  EXPECT_EQ(frame->kind, static_cast<std::uint16_t>(wire::KeyAdminKind::key_failed));
  const auto failure = wire::decode<wire::Failure>(frame->body);
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->code, static_cast<decltype(failure->code)>(Code::busy));
}

}  // namespace
}  // namespace tlspool::supervisor
