// SPDX-License-Identifier: Apache-2.0
#include "sharedkey/throttle.h"

#include <limits>

#include "../vectors.h"

namespace tlspool::sharedkey {
namespace {

TEST(Throttle, DoublesFromASecondToAnHour) {
  Throttle throttle;
  EXPECT_EQ(throttle.wait("alice", 1000), 0);
  std::int64_t expected = 1;
  for (int i = 0; i < 40; ++i) {
    throttle.failed("alice", 1000);
    EXPECT_EQ(throttle.wait("alice", 1000), std::min<std::int64_t>(expected, 3600));
    expected = std::min<std::int64_t>(expected * 2, 1 << 20);
  }
  EXPECT_EQ(throttle.wait("bob", 1000), 0);
}

TEST(Throttle, TimeEndsTheDelay) {
  Throttle throttle;
  for (int i = 0; i < 4; ++i) throttle.failed("alice", 1000);
  EXPECT_EQ(throttle.wait("alice", 1003), 5);
  EXPECT_EQ(throttle.wait("alice", 1008), 0);
  throttle.failed("alice", 2000);
  EXPECT_EQ(throttle.wait("alice", 2000), 16);
}

TEST(Throttle, ASuccessForgetsAll) {
  Throttle throttle;
  for (int i = 0; i < 9; ++i) throttle.failed("alice", 1000);
  throttle.succeeded("alice");
  EXPECT_EQ(throttle.wait("alice", 1000), 0);
  throttle.failed("alice", 1000);
  EXPECT_EQ(throttle.wait("alice", 1000), 1);
}

TEST(Throttle, AClockThatWasSetBackMakesNobodyWaitLongerThanTheDelay) {
  Throttle throttle;
  for (int i = 0; i < 4; ++i) throttle.failed("alice", 1'000'000'000);
  EXPECT_EQ(throttle.wait("alice", 1000), 8);
  EXPECT_EQ(throttle.wait("alice", 1005), 3);
  EXPECT_EQ(throttle.wait("alice", 1008), 0);
}

TEST(Throttle, IsKeptOverARestart) {
  Throttle throttle;
  for (int i = 0; i < 5; ++i) throttle.failed("alice", 1000);
  throttle.failed(std::string("\0\xff", 2), 1000);
  auto again = Throttle::read(throttle.write());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->wait("alice", 1000), 16);
  EXPECT_EQ(again->wait(std::string("\0\xff", 2), 1000), 1);
  EXPECT_EQ(again->write(), throttle.write());
}

TEST(Throttle, NoTimeAndNoClockOverflows) {
  constexpr auto most = std::numeric_limits<std::int64_t>::max(), least = std::numeric_limits<std::int64_t>::min();
  for (const auto last : {most, least, std::int64_t{0}}) {
    for (const auto now : {most, least, std::int64_t{0}}) {
      Throttle throttle;
      throttle.failed("alice", last);
      const auto wait = throttle.wait("alice", now);
      EXPECT_GE(wait, 0);
      EXPECT_LE(wait, 1);
    }
  }
}

TEST(Throttle, ADamagedFileIsAnErrorAndNotAFreshStart) {
  Throttle throttle;
  throttle.failed("alice", 1000);
  throttle.failed("bob", 1000);
  const Bytes file = throttle.write();
  for (std::size_t at = 0; at < file.size(); ++at) {
    Bytes changed = file;
    changed[at] ^= 0x40;
    EXPECT_FALSE(Throttle::read(changed)) << at;
    if (at > 0) {
      EXPECT_FALSE(Throttle::read(ByteView(file).first(at))) << at;
    }
  }
  EXPECT_TRUE(Throttle::read({}));
}

}  // namespace
}  // namespace tlspool::sharedkey
