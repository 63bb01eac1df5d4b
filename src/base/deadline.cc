// SPDX-License-Identifier: Apache-2.0
#include "base/deadline.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>

namespace tlspool {

int milliseconds_left(Deadline deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
  return static_cast<int>(std::clamp<long long>(left, 0, 1 << 30));
}

Waited wait_until(int fd, short events, Deadline deadline) {
  while (true) {
    const int left = milliseconds_left(deadline);
    if (left == 0) return Waited::late;
    pollfd waiting{fd, events, 0};
    const int ready = poll(&waiting, 1, left);
    if (ready > 0) return Waited::ready;
    if (ready < 0 && errno != EINTR) return Waited::failed;
  }
}

int connect_until(int fd, const sockaddr& address, socklen_t size, Deadline deadline) {
  if (connect(fd, &address, size) == 0) return 0;
  // Interrupted, it goes on by itself.
  if (errno != EINPROGRESS && errno != EINTR) return errno;
  switch (wait_until(fd, POLLOUT, deadline)) {
    case Waited::late: return ETIMEDOUT;
    case Waited::failed: return errno;
    case Waited::ready: break;
  }
  int error = 0;
  socklen_t length = sizeof error;
  return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0 ? error : errno;
}

}  // namespace tlspool
