// SPDX-License-Identifier: Apache-2.0
#include "worker/fair_queue.h"

#include <gtest/gtest.h>

#include <vector>

namespace tlspool::worker {
namespace {

std::vector<int> drain(FairQueue<int>& queue) {
  std::vector<int> out;
  while (!queue.empty()) out.push_back(queue.pop());
  return out;
}

TEST(FairQueue, OneUserKeepsItsOrder) {
  FairQueue<int> queue;
  for (const int i : {1, 2, 3}) queue.push(7, i);
  EXPECT_EQ(drain(queue), (std::vector{1, 2, 3}));
}

TEST(FairQueue, UsersTakeTurnsHoweverManyWaitForOne) {
  FairQueue<int> queue;
  for (int i = 0; i < 5; ++i) queue.push(1, i);
  queue.push(2, 100);
  queue.push(3, 200);
  EXPECT_EQ(drain(queue), (std::vector{0, 100, 200, 1, 2, 3, 4}));
}

TEST(FairQueue, WhoLeavesIsNotCalled) {
  FairQueue<int> queue;
  for (const int i : {1, 2, 3}) queue.push(7, i);
  queue.push(8, 4);
  queue.remove(1);
  queue.remove(4);
  queue.remove(99);
  EXPECT_EQ(drain(queue), (std::vector{2, 3}));
}

}  // namespace
}  // namespace tlspool::worker
