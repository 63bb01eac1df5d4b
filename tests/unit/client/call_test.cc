// SPDX-License-Identifier: Apache-2.0
#include "client/call.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "fake_pool.h"

namespace tlspool::client {
namespace {

using namespace std::string_literals;
using namespace std::chrono_literals;
using Asked = FakePool::Asked;

Result<wire::Answer> ask(const FakePool& pool, std::vector<UniqueFd>* received = nullptr,
                         std::chrono::milliseconds timeout = 5s) {
  return call(pool.socket(), "io.tlspool.Pool.ListIdentities", wire::Value::object(), {}, received, timeout);
}

bool ok(Asked& a) { return say(a.connection, wire::reply_text(wire::Value::object().set("n", 1))); }

TEST(Call, AnswerInPiecesIsPutTogether) {
  FakePool pool([](Asked& a) {
    for (const char c : wire::reply_text(wire::Value::object().set("text", std::string(300, 'x')))) {
      say(a.connection, {&c, 1});
    }
    return true;
  });
  const auto answer = ask(pool);
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_EQ(answer->parameters.text("text"), std::string(300, 'x'));
}

TEST(Call, LargeAnswerArrivesWhole) {
  FakePool pool([](Asked& a) { return say(a.connection, wire::reply_text(wire::Value::object().set("t", std::string(200'000, 'x')))); });
  const auto answer = ask(pool);
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_EQ(answer->parameters.text("t").size(), 200'000U);
}

TEST(Call, OversizedAnswerIsRefused) {
  FakePool pool([](Asked& a) { return say(a.connection, wire::reply_text(wire::Value::object().set("t", std::string(300'000, 'x')))); });
  const auto answer = ask(pool);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::protocol);
}

TEST(Call, ConnectionIsReused) {
  FakePool pool(ok);
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(ask(pool));
  EXPECT_EQ(pool.accepted(), 1);
}

TEST(Call, DescriptorsArriveCloseOnExec) {
  FakePool pool([](Asked& a) {
    const int both[] = {0, 1};
    return say(a.connection, wire::reply_text(wire::Value::object()), both);
  });
  std::vector<UniqueFd> received;
  ASSERT_TRUE(ask(pool, &received));
  ASSERT_EQ(received.size(), 2U);
  for (const UniqueFd& d : received) EXPECT_EQ(fcntl(d.get(), F_GETFD), FD_CLOEXEC);
}

TEST(Call, UnwantedDescriptorsAreClosed) {
  FakePool pool([](Asked& a) {
    const int both[] = {0, 1};
    return say(a.connection, wire::reply_text(wire::Value::object()), both);
  });
  ASSERT_TRUE(ask(pool));
  const int before = open_descriptors();
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(ask(pool));
  EXPECT_EQ(open_descriptors(), before);
}

TEST(Call, DescriptorsInTheMiddleAreRefused) {
  FakePool pool([](Asked& a) {
    const int one[] = {0};
    say(a.connection, "{\"parameters\":");
    std::this_thread::sleep_for(50ms);  // read at once, the kernel would not tell them apart
    return say(a.connection, "{}}\0"s, one);
  });
  const auto answer = ask(pool);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::protocol);
}

TEST(Call, LostDescriptorsDropTheConnection) {
  FakePool pool([](Asked& a) {
    const std::vector<int> many(200, 0);
    return say(a.connection, wire::reply_text(wire::Value::object()), many);
  });
  rlimit old{};
  getrlimit(RLIMIT_NOFILE, &old);
  rlimit few = old;
  few.rlim_cur = 60;
  setrlimit(RLIMIT_NOFILE, &few);
  std::vector<UniqueFd> received;
  const auto answer = ask(pool, &received);
  setrlimit(RLIMIT_NOFILE, &old);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::protocol) << answer.error().text();
  EXPECT_TRUE(received.empty());
}

TEST(Call, TwoAnswersToOneCallDoNotMixWithTheNext) {
  std::atomic<int> asked = 0;
  FakePool pool([&](Asked& a) {
    const auto n = wire::reply_text(wire::Value::object().set("n", ++asked));
    return say(a.connection, asked == 1 ? n + wire::reply_text(wire::Value::object().set("n", 99)) : n);
  });
  EXPECT_EQ(ask(pool)->parameters.number("n"), 1);
  EXPECT_EQ(ask(pool)->parameters.number("n"), 2);  // the connection with a spare answer is not taken again
  EXPECT_EQ(pool.accepted(), 2);
}

TEST(Call, MalformedAnswersAreRefused) {
  for (const auto& text : {"\0"s, "nonsense\0"s, "[]\0"s, "{\"parameters\":{},\"extra\":1}\0"s,
                           "{\"parameters\":{},\"continues\":true}\0"s}) {
    FakePool pool([&](Asked& a) { return say(a.connection, text); });
    const auto answer = ask(pool);
    ASSERT_FALSE(answer) << text;
    EXPECT_EQ(answer.error().code, Code::protocol);
  }
}

TEST(Call, PoolThatEndsMidAnswerIsAnError) {
  FakePool pool([](Asked& a) {
    say(a.connection, "{\"parameters\":");
    return false;
  });
  const auto answer = ask(pool);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::closed);
}

TEST(Call, CallThatWasTakenIsNotRepeated) {
  std::atomic<int> calls = 0;
  FakePool pool([&](Asked& a) { return ++calls == 1 ? ok(a) : false; });
  ASSERT_TRUE(ask(pool));
  const auto answer = ask(pool);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::closed);
  EXPECT_EQ(calls, 2);
}

TEST(Call, RestartedPoolIsReachedAgain) {
  FakePool pool(ok);
  ASSERT_TRUE(ask(pool));
  pool.stop();
  pool.start();
  const auto answer = ask(pool);
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_EQ(pool.accepted(), 2);
}

TEST(Call, MissingPoolSaysHowToStartIt) {
  const auto answer = call("/nonexistent/pool/run/pool.sock", "a.b.C", wire::Value::object());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::not_found);
  EXPECT_EQ(answer.error().text(),
            "no pool answers on /nonexistent/pool/run/pool.sock: No such file or directory; "
            "start it with `tlspoold --pool /nonexistent/pool`");
}

TEST(Call, SilentPoolTimesOut) {
  FakePool pool([](Asked&) { return true; });
  const auto answer = ask(pool, nullptr, 50ms);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::timeout);
}

TEST(Call, LongSocketPathsWork) {
  FakePool pool(ok, "/" + std::string(100, 'a') + "/" + std::string(100, 'b'));
  EXPECT_TRUE(ask(pool));
}

TEST(Call, ManyThreadsAtOnce) {
  FakePool pool([](Asked& a) {
    return say(a.connection, wire::reply_text(wire::Value::object().set("n", a.call.parameters.number("n"))));
  });
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 100; ++i) {
        const auto answer = call(pool.socket(), "a.b.C", wire::Value::object().set("n", t * 1000 + i));
        if (!answer || answer->parameters.number("n") != t * 1000 + i) ++wrong;
      }
    });
  }
  for (auto& t : threads) t.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_LE(pool.accepted(), 16);
}

TEST(Call, ForkedChildMakesItsOwnConnection) {
  FakePool pool(ok);
  ASSERT_TRUE(ask(pool));
  const pid_t child = fork();
  if (child == 0) _exit(ask(pool) ? 0 : 1);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(ask(pool));
  EXPECT_EQ(pool.accepted(), 2);
}

TEST(Call, DescriptorNumberThatBecameSomebodyElsesIsLeftAlone) {
  FakePool pool(ok);
  ASSERT_TRUE(ask(pool));
  // What a daemon does that closes "everything" and opens its own files.
  const auto other = socket_pair(SOCK_STREAM, false);
  ASSERT_TRUE(other);
  int stolen = -1;
  for (int fd = 3; fd < 64 && stolen < 0; ++fd) {
    sockaddr_storage name{};
    socklen_t size = sizeof name;
    if (getpeername(fd, reinterpret_cast<sockaddr*>(&name), &size) == 0 && size > sizeof(sa_family_t)) stolen = fd;
  }
  ASSERT_GE(stolen, 0);
  ASSERT_EQ(dup2(other->first.get(), stolen), stolen);
  ASSERT_TRUE(ask(pool));
  char byte;
  EXPECT_EQ(recv(other->second.get(), &byte, 1, MSG_DONTWAIT), -1);
  EXPECT_GE(fcntl(stolen, F_GETFD), 0);
  close(stolen);
}

}  // namespace
}  // namespace tlspool::client
