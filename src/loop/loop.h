// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <uv.h>

#include <chrono>
#include <functional>
#include <memory>

#include "base/error.h"

namespace tlspool {

/// One event loop, for one thread. Handles below must be destroyed before it.
class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Runs until stop() or until nothing is left to wait for.
  void run();
  void stop();
  /// Milliseconds of a monotonic clock, as of this round of the loop.
  [[nodiscard]] std::uint64_t now() const;
  uv_loop_t* raw() { return &loop_; }

 private:
  uv_loop_t loop_{};
};

/// Watches one borrowed descriptor. Level-triggered. The descriptor becomes non-blocking. Destroying
/// (also from within the callback) stops it; the descriptor itself stays open.
class Poll {
 public:
  enum Events : int { none = 0, readable = UV_READABLE, writable = UV_WRITABLE, hangup_only = UV_PRIORITIZED };
  /// `events`: what is ready. On POLLERR or POLLHUP everything that was asked for is reported ready
  /// (or `hangup_only` alone), so that the next system call finds the reason.
  using Callback = std::function<void(int events)>;

  Poll(Loop& loop, int fd, Callback callback);
  ~Poll();
  Poll(const Poll&) = delete;
  Poll& operator=(const Poll&) = delete;
  /// Sets what to wait for; `none` waits for nothing. Cheap when nothing changes.
  void want(int events);
  [[nodiscard]] int wanted() const;

 private:
  struct Handle;
  Handle* handle_;
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
  void stop();

 private:
  struct Handle;
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
