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

Result<UniqueFd> listen_when(AcceptWhen when, const cli::SocketAddress& address) {
  auto fd = cli::listen_tcp(address);
  // A TLS client speaks first: let the kernel wait for its hello, so that the pool finds it there at once.
  if (fd && when == AcceptWhen::first_byte_came) setsockopt(fd->get(), IPPROTO_TCP, TCP_DEFER_ACCEPT, &hello_wait_s, sizeof hello_wait_s);
  return fd;
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
