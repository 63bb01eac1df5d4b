// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <algorithm>
#include <chrono>

namespace tlspool::supervisor {

/// How long to wait before a process that died is started again. One that had been ready was killed, or fell over something that it was
/// given: others need it, so it is back within a second however often that happens. One that never got so far will not get there by
/// haste. Both count anew once it has lived for 10 s.
class Backoff {
 public:
  enum class Died { before_ready, in_service };

  [[nodiscard]] std::chrono::milliseconds next(std::chrono::milliseconds lived, Died died) {
    using namespace std::chrono_literals;
    if (lived >= 10s) *this = {};
    if (died == Died::in_service) {
      failed_starts_ = 0;
      // 0, 50, 100, 200, 250 ms: what it costs to start again and again stays bearable.
      const int n = std::min(quick_deaths_++, 4);
      return n == 0 ? 0ms : std::min(50ms * (1 << (n - 1)), 250ms);
    }
    // 0, 1, 2, 4 ... 30 s
    const int n = std::min(failed_starts_++, 6);
    return n == 0 ? 0ms : std::min<std::chrono::milliseconds>(1000ms * (1 << (n - 1)), 30s);
  }

 private:
  int quick_deaths_ = 0;
  int failed_starts_ = 0;
};

}  // namespace tlspool::supervisor
