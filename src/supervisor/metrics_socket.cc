// SPDX-License-Identifier: Apache-2.0
#include "supervisor/metrics_socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>

#include "base/socket.h"

namespace tlspool::supervisor {
namespace {

constexpr int queue = 64;

Result<UniqueFd> listen_tcp(const config::Metrics& where) {
  union {
    sockaddr generic;
    sockaddr_in v4;
    sockaddr_in6 v6;
  } address{};
  socklen_t size = sizeof address.v4;
  if (inet_pton(AF_INET, where.address.c_str(), &address.v4.sin_addr) == 1) {
    address.v4.sin_family = AF_INET;
    address.v4.sin_port = htons(where.port);
  } else {
    inet_pton(AF_INET6, where.address.c_str(), &address.v6.sin6_addr);
    address.v6.sin6_family = AF_INET6;
    address.v6.sin6_port = htons(where.port);
    size = sizeof address.v6;
  }
  UniqueFd fd{socket(address.generic.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!fd.valid()) return fail(system_error("socket", where.listen, errno));
  const int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (address.generic.sa_family == AF_INET6) setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (bind(fd.get(), &address.generic, size) != 0) return fail(system_error("bind", where.listen, errno));
  if (listen(fd.get(), queue) != 0) return fail(system_error("listen", where.listen, errno));
  return fd;
}

}  // namespace

Result<Listener> listen_for_metrics(const config::Metrics& where) {
  auto socket = where.path.empty() ? listen_tcp(where) : listen_unix(where.path, 0666);
  if (!socket) return fail(std::move(socket.error()));
  return Listener{std::move(*socket), where.path};
}

}  // namespace tlspool::supervisor
