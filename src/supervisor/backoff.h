// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <algorithm>
#include <chrono>

namespace tlspool::supervisor {

/// How long to wait before a process that died is started again. One that was killed, or fell over something that it was given, is
/// needed by others: it is back within a second however often that happens. One that does not even become ready, several times in a
/// row, will not get there by haste. Both count anew once it has lived for 10 s.
class Backoff {
 public:
  enum class Died { before_ready, in_service };

  [[nodiscard]] std::chrono::milliseconds next(std::chrono::milliseconds lived, Died died) {
    using namespace std::chrono_literals;
    if (lived >= 10s) *this = {};
    // 0, 50, 100, 200, 250 ms: what it costs to start again and again stays bearable.
    const int n = std::min(deaths_++, 4);
    const auto soon = n == 0 ? 0ms : std::min(50ms * (1 << (n - 1)), 250ms);
    failed_starts_ = died == Died::before_ready ? failed_starts_ + 1 : 0;
    if (failed_starts_ <= tries) return soon;
    // 1, 2, 4 ... 30 s
    return std::min<std::chrono::milliseconds>(1000ms * (1 << std::min(failed_starts_ - tries - 1, 5)), 30s);
  }

 private:
  static constexpr int tries = 3;
  int deaths_ = 0;
  int failed_starts_ = 0;
};

}  // namespace tlspool::supervisor
