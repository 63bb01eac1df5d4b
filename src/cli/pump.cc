// SPDX-License-Identifier: Apache-2.0
#include "cli/pump.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <vector>

#include "base/bytes.h"

namespace tlspool::cli {
namespace {

constexpr std::size_t chunk = 64 * 1024;

/// One direction: a buffer between two descriptors.
struct Direction {
  int from;
  int to;
  Bytes buffer = Bytes(chunk);
  std::size_t start = 0;
  std::size_t end = 0;
  bool open = true;  ///< `from` has not ended

  [[nodiscard]] bool empty() const { return start == end; }
  [[nodiscard]] bool finished() const { return !open && empty(); }

  /// Returns an errno, 0 for none.
  int fill() {
    const ssize_t n = read(from, buffer.data(), buffer.size());
    if (n < 0) return errno == EINTR || errno == EAGAIN ? 0 : errno;
    open = n > 0;
    start = 0;
    end = static_cast<std::size_t>(n);
    return 0;
  }
  int drain(int flags, bool socket) {
    const std::uint8_t* data = buffer.data() + start;
    const ssize_t n = socket ? send(to, data, end - start, flags) : write(to, data, end - start);
    if (n < 0) return errno == EINTR || errno == EAGAIN ? 0 : errno;
    start += static_cast<std::size_t>(n);
    return 0;
  }
};

}  // namespace

Status pump(int connection, Standard standard) {
  Direction out{standard.input, connection};
  Direction in{connection, standard.output};
  bool sending = true;
  while (!in.finished()) {
    // -1 makes poll() leave an entry out.
    std::array<pollfd, 4> waiting{{{sending && out.open && out.empty() ? out.from : -1, POLLIN, 0},
                                   {sending && !out.empty() ? out.to : -1, POLLOUT, 0},
                                   {in.open && in.empty() ? in.from : -1, POLLIN, 0},
                                   {!in.empty() ? in.to : -1, POLLOUT, 0}}};
    if (poll(waiting.data(), waiting.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return fail(system_error("poll", "", errno));
    }
    if (waiting[0].revents != 0) {
      if (const int error = out.fill(); error != 0) return fail(system_error("read", "standard input", error));
    }
    if (waiting[1].revents != 0 && out.drain(MSG_DONTWAIT | MSG_NOSIGNAL, true) != 0) {
      sending = false;  // the server reads no more; what it still has to say, and how it ends, counts
    }
    if (sending && out.finished()) {
      shutdown(connection, SHUT_WR);
      sending = false;
    }
    if (waiting[2].revents != 0) {
      if (const int error = in.fill(); error == ECONNRESET) {
        in.open = false;
      } else if (error != 0) {
        return fail(system_error("read", "the connection", error));
      }
    }
    if (waiting[3].revents != 0) {
      if (const int error = in.drain(0, false); error != 0) return fail(system_error("write", "standard output", error));
    }
  }
  return {};
}

}  // namespace tlspool::cli
