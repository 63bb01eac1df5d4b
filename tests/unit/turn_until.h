// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <chrono>

#include "loop/loop.h"

namespace tlspool::test {

/// Whether it happened, after 20 seconds at the latest.
template <class Condition>
[[nodiscard]] bool turn_until(Loop& loop, Condition happened) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  bool done = happened();
  for (; !done && std::chrono::steady_clock::now() < end; done = happened()) loop.turn(std::chrono::milliseconds(5));
  return done;
}

}  // namespace tlspool::test
