// SPDX-License-Identifier: Apache-2.0
#include "cli/accept.h"

#include <netinet/tcp.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>

#include "base/deadline.h"

namespace tlspool::cli {
namespace {

Result<UniqueFd> listen_on(const SocketAddress& address) {
  UniqueFd fd{socket(address.generic.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!fd.valid()) return fail(system_error("socket", address.text(), errno));
  const int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // accepted sockets inherit it
  if (address.generic.sa_family == AF_INET6) setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (bind(fd.get(), &address.generic, address.size) != 0) {
    Error e = system_error("bind", address.text(), errno);
    if (errno == EADDRINUSE) e.advice = "another program listens there; port 0 takes a free one";
    return fail(std::move(e));
  }
  if (::listen(fd.get(), SOMAXCONN) != 0) return fail(system_error("listen", address.text(), errno));
  return fd;
}

}  // namespace

Result<Acceptor> Acceptor::listen(const HostPort& where) {
  auto addresses = resolve(where, Use::listen);
  if (!addresses) return fail(std::move(addresses.error()));
  if (where.port == "0") addresses->resize(1);  // each would get another port
  Acceptor out;
  for (const SocketAddress& address : *addresses) {
    auto fd = listen_on(address);
    if (!fd) return fail(std::move(fd.error()));
    out.sockets_.push_back(std::move(*fd));
  }
  return out;
}

std::vector<SocketAddress> Acceptor::addresses() const {
  std::vector<SocketAddress> out;
  for (const UniqueFd& fd : sockets_) {
    SocketAddress& address = out.emplace_back();
    address.size = sizeof address.v6;
    getsockname(fd.get(), &address.generic, &address.size);
  }
  return out;
}

std::vector<int> Acceptor::descriptors() const {
  std::vector<int> out;
  for (const UniqueFd& fd : sockets_) out.push_back(fd.get());
  return out;
}

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
