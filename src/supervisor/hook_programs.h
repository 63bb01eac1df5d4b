// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/fd.h"
#include "base/sandbox.h"
#include "loop/loop.h"
#include "supervisor/backoff.h"
#include "wire/authorization.h"

namespace tlspool::supervisor {

/// The programs of [[hook]] tables: `count` processes of each run, and the judge has the other end of their input and output. One that
/// ends, or that the judge can't use, is ended with all that it forked, and started again.
class HookPrograms {
 public:
  /// The judge's end of a process that was started.
  using OnEnd = std::function<void(const wire::HookEnd& end, UniqueFd socket)>;
  struct Program {
    wire::HookSetup setup;
    std::optional<RunAs> user;
  };
  /// What a process may write to its standard error before nobody reads it any more.
  static constexpr std::size_t most_error_output = 64 * 1024;

  HookPrograms(Loop& loop, OnEnd on_end) : loop_(loop), on_end_(std::move(on_end)) {}
  /// Every process ends.
  ~HookPrograms();

  /// What runs from now on. What was the same before goes on, and the judge has its ends already.
  void set(std::vector<Program> programs);
  /// The same for a new judge: the old one had their input and output.
  void start_anew(std::vector<Program> programs);
  /// The judge can't use this process.
  void failed(const wire::HookFailed& failed);
  /// Looks which processes have ended.
  void reap();
  void end_all();

 private:
  /// One place of `count`.
  struct Place {
    std::size_t program = 0;
    std::uint64_t number = 0;  ///< of the process that it has
    pid_t pid = 0;             ///< 0: none runs
    std::uint64_t born = 0;
    UniqueFd error_output;
    std::unique_ptr<Poll> error_poll;
    std::string error_text;
    std::size_t error_size = 0;
    Backoff backoff;
    std::unique_ptr<Timer> timer;
  };

  void start_all(std::size_t program);
  void start(Place& place);
  void ended(Place& place, const std::string& reason);
  void end(Place& place);
  void read_errors(Place& place);

  Loop& loop_;
  OnEnd on_end_;
  std::vector<Program> programs_;
  std::vector<std::unique_ptr<Place>> places_;
  std::set<pid_t> leaving_;  // killed, and of no place any more
  std::uint64_t last_number_ = 0;
};

}  // namespace tlspool::supervisor
