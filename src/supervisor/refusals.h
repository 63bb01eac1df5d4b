// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <chrono>
#include <string>

#include "base/fd.h"
#include "loop/loop.h"

namespace tlspool::supervisor {

/// The system calls that one process's sandbox refused: each stands in the log, and fails. The process can't keep that
/// from happening, since the kernel tells us and not it. Whoever makes many of them waits for his answers.
class Refusals {
 public:
  static constexpr int most_a_second = 20;

  /// `name` is what log lines call the process.
  Refusals(Loop& loop, std::string name);
  /// From now on those of another process, or of none.
  void watch(UniqueFd descriptor);
  [[nodiscard]] bool watching() const { return descriptor_.valid(); }

 private:
  void ready();
  void stop();

  Loop& loop_;
  std::string name_;
  UniqueFd descriptor_;
  std::unique_ptr<Poll> poll_;
  Timer pause_;
  std::uint64_t second_ = 0;  // when the one began that `count_` is of
  int count_ = 0;
  bool held_ = false;         // it was said that they wait
};

}  // namespace tlspool::supervisor
