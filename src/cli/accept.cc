// SPDX-License-Identifier: Apache-2.0
#include "cli/accept.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>

#include "base/deadline.h"

namespace tlspool::cli {

Result<Acceptor> Acceptor::listen(const HostPort& where) {
  auto addresses = resolve(where, Use::listen);
  if (!addresses) return fail(std::move(addresses.error()));
  if (where.port == "0") addresses->resize(1);  // each would get another port
  Acceptor out;
  for (const SocketAddress& address : *addresses) {
    auto fd = listen_tcp(address);
    if (!fd) return fail(std::move(fd.error()));
    out.sockets_.push_back(std::move(*fd));
  }
  return out;
}

std::vector<SocketAddress> Acceptor::addresses() const {
  std::vector<SocketAddress> out;
  for (const UniqueFd& fd : sockets_) out.push_back(local_address(fd.get()));
  return out;
}

std::vector<int> Acceptor::descriptors() const { return borrowed(sockets_); }

Result<std::optional<Acceptor::Accepted>> Acceptor::accept_now(int listening) {
  Accepted out;
  out.peer.size = sizeof out.peer.v6;
  out.socket.reset(accept4(listening, &out.peer.generic, &out.peer.size, SOCK_CLOEXEC));
  if (out.socket.valid()) return std::optional<Accepted>(std::move(out));
  if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) return fail(system_error("accept", "", errno));
  return std::optional<Accepted>();
}

Result<Acceptor::Accepted> Acceptor::accept(std::chrono::steady_clock::time_point deadline) const {
  std::vector<pollfd> waiting;
  for (const UniqueFd& fd : sockets_) waiting.push_back({fd.get(), POLLIN, 0});
  while (true) {
    const int left = milliseconds_left(deadline);
    if (left == 0) return fail({Code::timeout, "accept", "", "nobody connected in time", "start the other side's command"});
    const int n = poll(waiting.data(), waiting.size(), left);
    if (n < 0 && errno != EINTR) return fail(system_error("poll", "accept", errno));
    if (n <= 0) continue;
    for (const pollfd& one : waiting) {
      if (one.revents == 0) continue;
      auto accepted = accept_now(one.fd);
      if (accepted && *accepted) return std::move(**accepted);
    }
  }
}

}  // namespace tlspool::cli
