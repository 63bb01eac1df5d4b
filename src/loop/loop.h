// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <uv.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/error.h"

namespace tlspool {

/// One event loop, for one thread. Handles below must be destroyed before it.
class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Runs until stop(), be it before, or until nothing is left to wait for.
  void run();
  /// Ends run(); one that has not begun yet ends at once.
  void stop();
  /// One round: waits at most `longest` (negative: for ever) for something to happen.
  void turn(std::chrono::milliseconds longest);
  /// Milliseconds of a monotonic clock, as of this round of the loop.
  [[nodiscard]] std::uint64_t now() const;
  uv_loop_t* raw() { return &loop_; }

 private:
  friend class Poll;
  friend class Timer;
  class Watches;
  uv_loop_t loop_{};
  std::unique_ptr<Watches> watches_;
  std::vector<uv_timer_t*> idle_timers_;
  bool stopped_ = false;
};

/// Watches one borrowed descriptor, which must be non-blocking. Level-triggered. Destroying (also from within
/// a callback, its own or another's) stops it; the descriptor itself stays open, and must stay so until then.
class Poll {
 public:
  enum Events : int { none = 0, readable = 1, writable = 2, hangup_only = 4 };
  /// `events`: what is ready. On an error or a hang-up everything that was asked for is reported ready
  /// (or `hangup_only` alone), so that the next system call finds the reason.
  using Callback = std::function<void(int events)>;

  Poll(Loop& loop, int fd, Callback callback);
  ~Poll();
  Poll(const Poll&) = delete;
  Poll& operator=(const Poll&) = delete;
  /// Sets what to wait for; `none` waits for nothing. Costs nothing when nothing changes.
  void want(int events);
  [[nodiscard]] int wanted() const { return events_; }
  /// Gives the descriptor another owner's callback, and keeps what it waits for.
  void call(Callback callback) { callback_ = std::move(callback); }

 private:
  friend class Loop;
  Loop& loop_;
  int fd_;
  int events_ = none;
  std::uint32_t slot_;  // names this poll in the kernel's answers
  Callback callback_;
};

/// A one-shot timer. Destroying or restarting it cancels the old deadline.
class Timer {
 public:
  using Callback = std::function<void()>;
  explicit Timer(Loop& loop);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  void start(std::chrono::milliseconds delay, Callback callback);
  /// Ends run(); one that has not begun yet ends at once.
  void stop();

 private:
  friend class Loop;
  struct Handle;
  static void free(void* raw);
  Loop& loop_;
  Handle* handle_;
};

/// Calls back for a signal, on the loop.
class SignalWatch {
 public:
  using Callback = std::function<void(int number)>;
  SignalWatch(Loop& loop, int number, Callback callback);
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

 private:
  struct Handle;
  Handle* handle_;
};

}  // namespace tlspool
