// SPDX-License-Identifier: Apache-2.0
#include "judge/background.h"

#include <gtest/gtest.h>

#include <atomic>

namespace tlspool::judge::background_tests {
namespace {

TEST(Background, WorksElsewhereAndIsDoneOnTheLoop) {
  Loop loop;
  Background background(loop);
  const auto here = std::this_thread::get_id();
  std::vector<int> order;
  std::atomic<bool> elsewhere = true;
  for (int i = 0; i < 3; ++i) {
    background.run([&] { elsewhere = elsewhere && std::this_thread::get_id() != here; },
                   [&, i] {
                     EXPECT_EQ(std::this_thread::get_id(), here);
                     order.push_back(i);
                   });
  }
  while (order.size() < 3) loop.turn(std::chrono::milliseconds{1000});
  EXPECT_EQ(order, (std::vector{0, 1, 2}));
  EXPECT_TRUE(elsewhere);
}

TEST(Background, NobodyIsCalledAfterItsEnd) {
  Loop loop;
  bool called = false;
  std::atomic<bool> worked = false;
  {
    Background background(loop);
    background.run([&] { worked = true; }, [&] { called = true; });
    while (!worked) std::this_thread::yield();
  }
  loop.turn(std::chrono::milliseconds{1});
  EXPECT_FALSE(called);
}

TEST(Background, MayBeDestroyedByWhatIsDone) {
  Loop loop;
  auto background = std::make_unique<Background>(loop);
  int calls = 0;
  background->run([] {}, [&] {
    ++calls;
    background.reset();
  });
  background->run([] {}, [&] { ++calls; });
  while (background) loop.turn(std::chrono::milliseconds{1000});
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace tlspool::judge::background_tests
