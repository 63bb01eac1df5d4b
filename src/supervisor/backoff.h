// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <algorithm>
#include <chrono>

namespace tlspool::supervisor {

/// How long to wait before a process that died is started again: not at all the first time, then 1 s
/// doubling to 30 s for as long as it dies within 10 s.
class Backoff {
 public:
  [[nodiscard]] std::chrono::milliseconds next(std::chrono::milliseconds lived) {
    using namespace std::chrono_literals;
    if (lived >= 10s) quick_deaths_ = 0;
    const int n = quick_deaths_++;
    if (n == 0) return 0ms;
    return std::min<std::chrono::milliseconds>(1000ms * (1 << std::min(n - 1, 5)), 30s);
  }

 private:
  int quick_deaths_ = 0;
};

}  // namespace tlspool::supervisor
