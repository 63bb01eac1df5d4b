// SPDX-License-Identifier: Apache-2.0
#include "loop/loop.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/socket.h"

namespace tlspool {
namespace {

constexpr std::chrono::milliseconds at_once{0};
constexpr std::chrono::seconds far_off{600};

struct Pair {
  Pair() {
    auto made = socket_pair(SOCK_STREAM, true);
    near = std::move(made->first);
    far = std::move(made->second);
  }
  void say() const { ASSERT_EQ(write(far.get(), "x", 1), 1); }
  UniqueFd near;
  UniqueFd far;
};

TEST(Loop, StopBeforeRunCounts) {
  Loop loop;
  bool ran = false;
  Timer timer(loop);
  timer.start(at_once, [&] { ran = true; });
  loop.stop();
  loop.run();
  EXPECT_FALSE(ran);
  timer.start(at_once, [&] {
    ran = true;
    loop.stop();
  });
  loop.run();
  EXPECT_TRUE(ran);
}

TEST(Loop, EndsWhenNothingIsLeftToWaitFor) {
  Loop loop;
  int fired = 0;
  Timer timer(loop);
  timer.start(at_once, [&] { ++fired; });
  loop.run();
  EXPECT_EQ(fired, 1);
}

TEST(Loop, PollMayDestroyItselfAndOthersThatAreReady) {
  Loop loop;
  Pair a;
  Pair b;
  a.say();
  b.say();
  int calls = 0;
  std::unique_ptr<Poll> first;
  std::unique_ptr<Poll> second;
  const auto end_both = [&](int) {
    ++calls;
    first.reset();
    second.reset();
  };
  first = std::make_unique<Poll>(loop, a.near.get(), end_both);
  second = std::make_unique<Poll>(loop, b.near.get(), end_both);
  first->want(Poll::readable);
  second->want(Poll::readable);
  loop.run();
  EXPECT_EQ(calls, 1);
}

TEST(Loop, PollThatTookTheSlotOfAnotherHearsNothingOfIt) {
  Loop loop;
  Pair a;
  Pair b;
  Pair quiet;
  a.say();
  b.say();
  int wrong = 0;
  std::unique_ptr<Poll> first;
  std::unique_ptr<Poll> second;
  std::unique_ptr<Poll> heir;
  Timer patience(loop);
  const auto replace_both = [&](int) {
    first.reset();
    second.reset();
    heir = std::make_unique<Poll>(loop, quiet.near.get(), [&](int) { ++wrong; });
    heir->want(Poll::readable);
    patience.start(at_once, [&] { loop.stop(); });
  };
  first = std::make_unique<Poll>(loop, a.near.get(), replace_both);
  second = std::make_unique<Poll>(loop, b.near.get(), replace_both);
  first->want(Poll::readable);
  second->want(Poll::readable);
  loop.run();
  EXPECT_EQ(wrong, 0);
}

TEST(Loop, HangupOnlyHearsTheEndButNoData) {
  Loop loop;
  Pair pair;
  int heard = 0;
  Poll poll(loop, pair.near.get(), [&](int events) {
    EXPECT_NE(events & Poll::hangup_only, 0);
    ++heard;
    poll.want(Poll::none);
  });
  poll.want(Poll::hangup_only);
  pair.say();
  Timer later(loop);
  later.start(std::chrono::milliseconds{5}, [&] {
    EXPECT_EQ(heard, 0);
    pair.far.reset();
  });
  loop.run();
  EXPECT_EQ(heard, 1);
}

// Else a loop that waited for a second would let a timer of a second run out at once.
TEST(Loop, WhatACallbackStartsCountsFromTheEndOfTheWait) {
  Loop loop;
  const Pair pair;
  std::uint64_t seen = 0;
  Poll poll(loop, pair.near.get(), [&](int) {
    seen = loop.now();
    poll.want(Poll::none);
  });
  poll.want(Poll::readable);
  loop.turn(at_once);
  const std::uint64_t before = loop.now();
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds{20};
  while (std::chrono::steady_clock::now() < end) {
  }
  pair.say();
  loop.turn(far_off);
  EXPECT_GE(seen, before + 19);  // the loop's clock has whole milliseconds
}

TEST(Loop, StoppedTimerDoesNotHoldTheLoop) {
  Loop loop;
  Timer timer(loop);
  timer.start(far_off, [] { FAIL(); });
  timer.stop();
  loop.run();
}

}  // namespace
}  // namespace tlspool
