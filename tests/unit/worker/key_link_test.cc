// SPDX-License-Identifier: Apache-2.0
#include "worker/key_link.h"

#include <gtest/gtest.h>

#include "../turn_until.h"
#include "played_keeper.h"

using namespace tlspool;
using namespace tlspool::worker;

namespace {

struct Linked {
  Loop loop;
  KeyLink link{loop};
  PlayedKeeper keeper{loop, link};
  template <class Condition> void until(Condition done) {
    ASSERT_TRUE(test::turn_until(loop, done));
  }
};

wire::KeyAnswer leased(const wire::KeyRequest&) {
  wire::KeyAnswer answer;
  answer.lease = 7;
  answer.secret = Bytes(32, 1);
  return answer;
}

TEST(KeyLink, ARequestGetsItsAnswer) {
  Linked l;
  l.keeper.answer = leased;
  wire::KeyAnswer got;
  wire::KeyRequest request;
  request.peer = "b.example";
  ASSERT_NE(l.link.ask(request, [&](wire::KeyAnswer a) { got = std::move(a); }), 0U);
  l.until([&] { return got.lease != 0; });
  EXPECT_EQ(got.secret, Bytes(32, 1));
  EXPECT_EQ(l.keeper.requests.at(0).peer, "b.example");
}

TEST(KeyLink, WithoutAKeeperNothingIsAsked) {
  Loop loop;
  KeyLink link{loop};
  EXPECT_EQ(link.ask({}, [](wire::KeyAnswer) { FAIL(); }), 0U);
}

TEST(KeyLink, ALostKeeperFailsAllThatWait) {
  Linked l;
  int failed = 0;
  for (int i = 0; i < 3; ++i) {
    (void)l.link.ask({}, [&](wire::KeyAnswer a) {
      EXPECT_EQ(a.problem, wire::KeyProblem::failed);
      EXPECT_NE(a.message.find("the keeper went away"), std::string::npos);
      ++failed;
    });
  }
  KeyLease lease{l.link, 7};
  bool good = true;
  (void)lease.settle([&](wire::KeySettled s) { good = s.good; ++failed; });
  l.keeper.die();
  l.until([&] { return failed == 4; });
  EXPECT_FALSE(good);
}

TEST(KeyLink, AForgottenRequestGivesItsLeaseBack) {
  Linked l;
  const auto number = l.link.ask({}, [](wire::KeyAnswer) { FAIL(); });
  l.until([&] { return l.keeper.numbers.size() == 1; });
  l.link.forget(number);
  l.keeper.say(l.keeper.numbers[0], leased({}));
  l.until([&] { return l.keeper.settled.size() == 1; });
  EXPECT_EQ(l.keeper.settled[0].lease, 7U);
  EXPECT_FALSE(l.keeper.settled[0].verified);
}

TEST(KeyLease, IsGivenBackUnlessItWasSettled) {
  Linked l;
  { const KeyLease lease{l.link, 7}; }
  l.until([&] { return l.keeper.settled.size() == 1; });
  EXPECT_FALSE(l.keeper.settled[0].verified);
  bool done = false;
  {
    KeyLease lease{l.link, 8};
    ASSERT_NE(lease.settle([&](wire::KeySettled s) { done = s.good; }), 0U);
  }
  l.until([&] { return done; });
  ASSERT_EQ(l.keeper.settled.size(), 2U);
  EXPECT_EQ(l.keeper.settled[1].lease, 8U);
  EXPECT_TRUE(l.keeper.settled[1].verified);
}

TEST(KeyLease, OfAnEarlierKeeperIsVoid) {
  Linked l;
  KeyLease old{l.link, 7};
  l.keeper.die();
  PlayedKeeper next{l.loop, l.link};
  EXPECT_EQ(old.settle([](wire::KeySettled) { FAIL(); }), 0U);
  { const KeyLease another{l.link, 9}; }
  for (int i = 0; i < 500 && next.settled.empty(); ++i) l.loop.turn(std::chrono::milliseconds{10});
  ASSERT_EQ(next.settled.size(), 1U);
  EXPECT_EQ(next.settled[0].lease, 9U);
}

}  // namespace
