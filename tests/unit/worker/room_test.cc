// SPDX-License-Identifier: Apache-2.0
#include "worker/room.h"

#include <gtest/gtest.h>

namespace tlspool::worker {
namespace {

constexpr std::uint64_t plenty = 1'000'000;

class RoomTest : public testing::Test {
 protected:
  std::string refusal(uid_t uid) const {
    const Status done = room.for_handshake(limits, uid);
    return done ? "" : done.error().subject;
  }
  /// Begins as many handshakes as may be.
  int fill(uid_t uid) {
    int count = 0;
    for (; refusal(uid).empty() && count < 100'000; ++count) room.handshake_began(uid);
    return count;
  }
  int fill_with_sessions(uid_t uid) {
    int count = 0;
    for (; refusal(uid).empty() && count < 100'000; ++count) room.session_began(uid);
    return count;
  }

  Room room{plenty};
  wire::Limits limits;
};

TEST_F(RoomTest, AsManyAsTheLimitSaysAndNoMore) {
  limits.handshakes_per_uid = 7;
  EXPECT_EQ(fill(1), 7);
  EXPECT_EQ(refusal(1), "handshakes_per_uid");
  room.handshake_ended(1);
  EXPECT_EQ(refusal(1), "");
  EXPECT_EQ(fill(1), 1);
}

TEST_F(RoomTest, SmallLimitsCanBeFilledByOneUser) {
  limits.sessions = 3;
  EXPECT_EQ(fill_with_sessions(1), 3);
  EXPECT_EQ(refusal(1), "sessions");
  limits.sessions = 20000;
  limits.handshakes = 3;
  EXPECT_EQ(fill(1), 3);
  EXPECT_EQ(refusal(1), "handshakes");
}

TEST_F(RoomTest, HandshakesUnderWayWillBeSessions) {
  limits.sessions = 3;
  room.session_began(1);
  EXPECT_EQ(fill(2), 2);
  EXPECT_EQ(refusal(3), "sessions");
}

TEST_F(RoomTest, HoweverManyUsersFillTheirShareThereIsSomeForTheNext) {
  int last = 1'000'000;
  for (uid_t uid = 1; uid <= 4; ++uid) {
    const int got = fill_with_sessions(uid);
    EXPECT_GT(got, 0);
    EXPECT_LT(got, last);
    last = got;
  }
  EXPECT_EQ(refusal(1), "sessions");
  EXPECT_EQ(refusal(5), "");
}

TEST_F(RoomTest, NoUserHasMoreThanHalfOfTheHandshakesAndTwoDoNotHaveAll) {
  EXPECT_EQ(fill(1), 2048);
  EXPECT_GT(fill(2), 1000);
  EXPECT_EQ(refusal(3), "");
}

TEST_F(RoomTest, ControlConnectionsAreShared) {
  const auto take = [this](uid_t uid) {
    int count = 0;
    for (; room.for_control(limits, uid) && count < 100'000; ++count) room.control_began(uid);
    return count;
  };
  EXPECT_EQ(take(1), 4096);
  EXPECT_GT(take(2), 3000);
  EXPECT_GT(take(3), 100);
  EXPECT_TRUE(room.for_control(limits, 4));
}

TEST_F(RoomTest, DescriptorsAreALimit) {
  room = Room{200};
  EXPECT_EQ(fill(1), 34);  // 4 each, beside the 64 that the worker needs itself
  EXPECT_EQ(refusal(2), "descriptors");
  EXPECT_TRUE(room.has_descriptors());
  for (int i = 0; i < 40; ++i) room.control_began(1);
  EXPECT_FALSE(room.has_descriptors());
}

}  // namespace
}  // namespace tlspool::worker
