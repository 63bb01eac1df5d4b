// SPDX-License-Identifier: Apache-2.0
#include "tunnel/listener.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace tlspool::tunnel {
namespace {

constexpr int batch = 64;                      // then other events get their turn
constexpr std::chrono::milliseconds breath{100};  // before accept is tried again without descriptors
constexpr int hello_wait_s = 5;

}  // namespace

Result<UniqueFd> listen_tcp(const cli::SocketAddress& address, AcceptWhen when) {
  UniqueFd fd{socket(address.generic.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!fd.valid()) return fail(system_error("socket", address.text(), errno));
  const int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (address.generic.sa_family == AF_INET6) setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  // A TLS client speaks first: let the kernel wait for its hello, so that the pool finds it there at once.
  if (when == AcceptWhen::first_byte_came) {
    setsockopt(fd.get(), IPPROTO_TCP, TCP_DEFER_ACCEPT, &hello_wait_s, sizeof hello_wait_s);
  }
  if (bind(fd.get(), &address.generic, address.size) != 0) {
    Error e = system_error("bind", address.text(), errno);
    if (errno == EADDRINUSE) e.advice = "another program listens there; port 0 takes a free one";
    if (errno == EACCES) e.advice = "ports below 1024 are for root, or for CAP_NET_BIND_SERVICE";
    return fail(std::move(e));
  }
  if (listen(fd.get(), SOMAXCONN) != 0) return fail(system_error("listen", address.text(), errno));
  return fd;
}

cli::SocketAddress local_address(int fd) {
  cli::SocketAddress out;
  out.size = sizeof out.v6;
  getsockname(fd, &out.generic, &out.size);
  return out;
}

Listener::Listener(Loop& loop, UniqueFd socket, OnAccept on_accept, OnTrouble on_trouble)
    : socket_(std::move(socket)),
      on_accept_(std::move(on_accept)),
      on_trouble_(std::move(on_trouble)),
      pause_(loop),
      poll_(loop, socket_.get(), [this](int) { ready(); }) {
  poll_.want(Poll::readable);
}

void Listener::hold() {
  held_ = true;
  poll_.want(Poll::none);
}

void Listener::go_on() {
  if (!held_) return;
  held_ = false;
  poll_.want(Poll::readable);
}

void Listener::ready() {
  for (int i = 0; i < batch && !held_; ++i) {
    cli::SocketAddress peer;
    peer.size = sizeof peer.v6;
    UniqueFd fd{accept4(socket_.get(), &peer.generic, &peer.size, SOCK_NONBLOCK | SOCK_CLOEXEC)};
    if (fd.valid()) {
      on_accept_(std::move(fd), peer);
      continue;
    }
    switch (errno) {
      case EAGAIN:
        return;
      case EMFILE:
      case ENFILE:
      case ENOBUFS:
      case ENOMEM:
        return rest(errno);
      default:  // the connection died in the queue (accept(2), "Error handling"): the next one may be well
        continue;
    }
  }
}

void Listener::rest(int error) {
  // The connection stays in the queue, so the socket stays readable: watching it now would spin.
  on_trouble_(std::string("accept: ") + std::strerror(error) + "; raise the limit of open files (ulimit -n)");
  poll_.want(Poll::none);
  pause_.start(breath, [this] {
    if (!held_) poll_.want(Poll::readable);
  });
}

}  // namespace tlspool::tunnel
