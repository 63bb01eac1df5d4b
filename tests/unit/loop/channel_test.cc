// SPDX-License-Identifier: Apache-2.0
#include "loop/channel.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cstring>

namespace tlspool {
namespace {

using namespace std::chrono_literals;

/// Two ends on one loop; what arrives at the right one is kept.
class ChannelTest : public testing::Test {
 protected:
  ChannelTest() {
    auto pair = socket_pair(SOCK_STREAM, true);
    left_end = std::move(pair->first);
    right_end = std::move(pair->second);
  }
  void open_left() {
    left = std::make_unique<Channel>(loop, std::move(left_end), [](Frame) {}, [this] { ++left_closed; });
  }
  void open_right() {
    right = std::make_unique<Channel>(
        loop, std::move(right_end),
        [this](Frame f) {
          frames.push_back(std::move(f));
          if (frames.size() == wanted) loop.stop();
        },
        [this] {
          ++right_closed;
          loop.stop();
        });
  }
  /// Until `count` frames are there, the right end closed, or 2 s passed.
  void run_until(std::size_t count) {
    wanted = count;
    Timer limit(loop);
    limit.start(2000ms, [this] { loop.stop(); });
    loop.run();
  }
  void raw(ByteView bytes, std::span<const int> descriptors = {}) {
    ASSERT_TRUE(transmit(left_end.get(), bytes, descriptors));
  }
  static Bytes header(std::uint32_t length, std::uint16_t kind, std::uint16_t descriptors) {
    Bytes out(16);
    std::memcpy(out.data(), &length, 4);
    std::memcpy(out.data() + 4, &kind, 2);
    std::memcpy(out.data() + 6, &descriptors, 2);
    return out;
  }

  Loop loop;
  UniqueFd left_end;
  UniqueFd right_end;
  std::unique_ptr<Channel> left;
  std::unique_ptr<Channel> right;
  std::vector<Frame> frames;
  std::size_t wanted = 0;
  int left_closed = 0;
  int right_closed = 0;
};

std::vector<UniqueFd> pipes(int count) {
  std::vector<UniqueFd> out;
  for (int i = 0; i < count; ++i) out.emplace_back(fcntl(0, F_DUPFD_CLOEXEC, 3));
  return out;
}

TEST_F(ChannelTest, FramesArriveInOrderWithTheirNumbers) {
  open_left();
  open_right();
  for (std::uint64_t i = 0; i < 100; ++i) left->send(static_cast<std::uint16_t>(i), i << 33, Bytes(i, 'x'));
  run_until(100);
  ASSERT_EQ(frames.size(), 100U);
  for (std::uint64_t i = 0; i < 100; ++i) {
    EXPECT_EQ(frames[i].kind, i);
    EXPECT_EQ(frames[i].number, i << 33);
    EXPECT_EQ(frames[i].body.size(), i);
  }
}

TEST_F(ChannelTest, HeldFramesGoWhenTheyAreReleased) {
  open_left();
  open_right();
  left->hold();
  const Bytes large(5000, 9);
  for (std::uint64_t n = 0; n < 300; ++n) left->send(7, n, n % 100 == 50 ? ByteView{large} : ByteView{large}.first(n % 40));
  loop.turn(0ms);
  EXPECT_TRUE(frames.empty());
  left->release();
  run_until(300);
  ASSERT_EQ(frames.size(), 300U);
  for (std::uint64_t n = 0; n < 300; ++n) {
    EXPECT_EQ(frames[n].number, n);
    EXPECT_EQ(frames[n].body.size(), n % 100 == 50 ? large.size() : n % 40);
  }
}

TEST_F(ChannelTest, DescriptorsStayWithTheirFrame) {
  open_left();
  open_right();
  for (int i = 0; i < 30; ++i) left->send(1, i, Bytes(1000, 0), pipes(i % 4));
  run_until(30);
  ASSERT_EQ(frames.size(), 30U);
  for (std::size_t i = 0; i < 30; ++i) {
    ASSERT_EQ(frames[i].descriptors.size(), i % 4) << i;
    for (const UniqueFd& d : frames[i].descriptors) EXPECT_EQ(fcntl(d.get(), F_GETFD), FD_CLOEXEC);
  }
}

TEST_F(ChannelTest, FrameLargerThanTheSocketsBufferArrivesWhole) {
  open_left();
  open_right();
  Bytes body(5 << 20);
  for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<std::uint8_t>(i * 31);
  left->send(1, 1, body, pipes(1));
  left->send(2, 2, {}, pipes(2));
  run_until(2);
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_EQ(frames[0].body, body);
  EXPECT_EQ(frames[0].descriptors.size(), 1U);
  EXPECT_EQ(frames[1].descriptors.size(), 2U);
}

TEST_F(ChannelTest, FrameByteByByte) {
  open_right();
  Bytes bytes = header(3, 7, 0);
  bytes.insert(bytes.end(), {1, 2, 3});
  for (const std::uint8_t b : bytes) raw({&b, 1});
  run_until(1);
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].kind, 7);
  EXPECT_EQ(frames[0].body, (Bytes{1, 2, 3}));
}

TEST_F(ChannelTest, FrameCutShortByTheEndIsNotDelivered) {
  open_right();
  raw(header(10, 7, 0));
  left_end.reset();
  run_until(1);
  EXPECT_TRUE(frames.empty());
  EXPECT_EQ(right_closed, 1);
  EXPECT_FALSE(right->open());
}

TEST_F(ChannelTest, FrameBeyondTheLimitClosesTheChannel) {
  open_right();
  raw(header(Channel::max_body + 1, 7, 0));
  run_until(1);
  EXPECT_TRUE(frames.empty());
  EXPECT_EQ(right_closed, 1);
}

TEST_F(ChannelTest, LastFramesBeforeTheEndAreDelivered) {
  open_right();
  raw(header(0, 7, 0));
  left_end.reset();
  run_until(2);
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(right_closed, 1);
}

// What a taken process may do to the one that serves it.
class LimitedChannel : public ChannelTest {
 protected:
  void open_limited(Channel::Limits limits, bool answer = false) {
    right = std::make_unique<Channel>(
        loop, std::move(right_end), std::move(limits),
        [this, answer](Frame f) {
          if (answer) right->send(1, f.number, Bytes(1000));
          frames.push_back(std::move(f));
        },
        [this] { ++right_closed; });
  }
  void turns(int count) {
    for (int i = 0; i < count; ++i) loop.turn(0ms);
  }
  void pour(int count) {
    const Bytes empty = header(0, 3, 0);
    for (int i = 0; i < count; ++i) ASSERT_TRUE(transmit(left_end.get(), empty, {}, MSG_DONTWAIT));
  }
};

TEST_F(LimitedChannel, TakesSoManyFramesInATurn) {
  open_limited({.frames_a_turn = 10});
  pour(25);
  turns(1);
  EXPECT_EQ(frames.size(), 10U);
  turns(1);
  EXPECT_EQ(frames.size(), 20U);
  left_end.reset();
  turns(2);
  EXPECT_EQ(frames.size(), 25U);
  EXPECT_EQ(right_closed, 1);
}

TEST_F(LimitedChannel, TakesNoMoreFromAnEndThatDoesNotRead) {
  open_limited({.output = 4000}, true);
  for (int round = 0; round < 100; ++round) {
    pour(50);
    turns(3);
    if (right->waiting() > 4000) break;
  }
  const std::size_t taken = frames.size();
  turns(5);
  EXPECT_EQ(frames.size(), taken);
  EXPECT_LE(right->waiting(), 4000U + 2 * 1016);
  // It reads: the rest is taken.
  Bytes sink(1 << 20);
  while (recv(left_end.get(), sink.data(), sink.size(), MSG_DONTWAIT) > 0 || right->waiting() > 0) turns(1);
  turns(5);
  EXPECT_GT(frames.size(), taken);
}

TEST_F(LimitedChannel, TakesNoMoreWhileSoManyWaitForTheirAnswers) {
  open_limited({.unanswered = 4});
  pour(10);
  turns(5);
  EXPECT_EQ(frames.size(), 4U);
  right->send(1, 0, {});
  right->send(1, 1, {});
  turns(5);
  EXPECT_EQ(frames.size(), 6U);
}

TEST_F(LimitedChannel, ClosesOnWhatIsTooLongAndOnDescriptorsThatNobodyWants) {
  open_limited(Channel::for_server("test"));
  raw(header((1 << 20) + 1, 1, 0));
  turns(2);
  EXPECT_EQ(right_closed, 1);
  auto pair = socket_pair(SOCK_STREAM, true);
  left_end = std::move(pair->first);
  right_end = std::move(pair->second);
  open_limited(Channel::for_server("test"));
  const int fd = 0;
  raw(header(0, 1, 1), {&fd, 1});
  turns(2);
  EXPECT_EQ(right_closed, 2);
  EXPECT_TRUE(frames.empty());
}

TEST_F(ChannelTest, SendingToAClosedEndIsHarmless) {
  open_left();
  right_end.reset();
  left->send(1, 1, Bytes(100, 0), pipes(1));
  Timer limit(loop);
  limit.start(50ms, [this] { loop.stop(); });
  loop.run();
  EXPECT_EQ(left_closed, 1);
  left->send(1, 1, Bytes(100, 0));
}

TEST_F(ChannelTest, MayBeDestroyedFromItsOwnCallback) {
  int seen = 0;
  right = std::make_unique<Channel>(
      loop, std::move(right_end),
      [&](Frame) {
        ++seen;
        right.reset();
        loop.stop();
      },
      [] {});
  raw(header(0, 1, 0));
  raw(header(0, 2, 0));
  run_until(9);
  EXPECT_EQ(seen, 1);
}

TEST_F(ChannelTest, BlockingEndsSpeakTheSameFrames) {
  const auto pair = socket_pair(SOCK_STREAM, false);
  Frame out{5, 6, Bytes(70'000, 9), pipes(3)};
  ASSERT_TRUE(send_frame(pair->first.get(), out));
  const auto in = receive_frame(pair->second.get());
  ASSERT_TRUE(in) << in.error().text();
  EXPECT_EQ(in->kind, 5);
  EXPECT_EQ(in->number, 6U);
  EXPECT_EQ(in->body, out.body);
  EXPECT_EQ(in->descriptors.size(), 3U);
}

TEST_F(ChannelTest, BlockingEndNoticesMissingDescriptorsAndTheEnd) {
  auto pair = socket_pair(SOCK_STREAM, false);
  ASSERT_TRUE(transmit(pair->first.get(), header(0, 1, 2), {}));
  EXPECT_EQ(receive_frame(pair->second.get()).error().code, Code::protocol);
  ASSERT_TRUE(transmit(pair->first.get(), header(5, 1, 0), {}));
  pair->first.reset();
  EXPECT_EQ(receive_frame(pair->second.get()).error().code, Code::closed);
}

}  // namespace
}  // namespace tlspool
