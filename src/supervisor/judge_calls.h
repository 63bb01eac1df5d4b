// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <map>
#include <memory>

#include "loop/channel.h"
#include "supervisor/child.h"
#include "wire/judge_admin.h"

namespace tlspool::supervisor {

/// What administrators want of the judge. Each call is answered once: by the judge, or with a problem when it is not there, ends, or
/// is late.
class JudgeCalls {
 public:
  using Done = std::function<void(wire::JudgeAdminAnswer)>;
  static constexpr std::chrono::seconds deadline{20};

  explicit JudgeCalls(Loop& loop) : loop_(loop) {}
  /// `done` comes later, never from within ask().
  void ask(Child& judge, const wire::JudgeAdmin& request, Done done);
  /// An answer; one that nobody waits for any more is dropped.
  void answered(const Frame& frame);
  /// The judge has ended.
  void lost();

 private:
  struct Waiting {
    Done done;
    std::unique_ptr<Timer> timer;
  };
  void finish(std::uint64_t number, wire::JudgeAdminAnswer answer);

  Loop& loop_;
  std::map<std::uint64_t, Waiting> waiting_;
  std::uint64_t last_ = 0;
};

}  // namespace tlspool::supervisor
