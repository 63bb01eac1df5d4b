// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sys/socket.h>

#include <chrono>

namespace tlspool {

using Deadline = std::chrono::steady_clock::time_point;

/// What is left until then, for poll(): never negative, rounded up.
[[nodiscard]] int milliseconds_left(Deadline deadline);

enum class Waited {
  ready,
  late,    ///< the deadline came first
  failed,  ///< errno says why
};
/// Until one of `events` of poll(2) has come, or the other side is gone.
[[nodiscard]] Waited wait_until(int fd, short events, Deadline deadline);

/// Connects a non-blocking socket: 0, or the errno with which it ended, which is ETIMEDOUT where the deadline came first.
[[nodiscard]] int connect_until(int fd, const sockaddr& address, socklen_t size, Deadline deadline);

}  // namespace tlspool
