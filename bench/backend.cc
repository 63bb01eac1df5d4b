// SPDX-License-Identifier: Apache-2.0
// The plain server behind every proxy that bench.sh measures: bench-backend PORT. With an IDENTITY it is a program that
// speaks TLS itself, by tlspool_starttls_server: its sockets are then the plain ends of the pool's socket pairs.
// A request is one letter and 8 bytes of a little-endian count: 'P' answers one byte, 'D' sends that many bytes, 'U' reads
// that many and then answers one byte. Connections stay open until the client closes.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <tlspool/tlspool.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <vector>

#include "measure.h"

namespace {

constexpr std::size_t request_size = 9;

struct Connection {
  std::array<char, request_size> request{};
  std::size_t have = 0;
  std::uint64_t to_send = 0;
  std::uint64_t to_read = 0;
};

std::vector<char>& chunk() {
  static std::vector<char> bytes(256 * 1024, 'x');
  return bytes;
}

// False: the connection is over.
bool take(Connection& c, const char* data, std::size_t size) {
  while (size > 0) {
    if (c.to_read > 0) {
      const std::size_t part = std::min<std::uint64_t>(c.to_read, size);
      c.to_read -= part;
      data += part;
      size -= part;
      if (c.to_read == 0) c.to_send = 1;
      continue;
    }
    c.request[c.have++] = *data++;
    --size;
    if (c.have < request_size) continue;
    c.have = 0;
    std::uint64_t count = 0;
    std::memcpy(&count, &c.request[1], sizeof count);
    switch (c.request[0]) {
      case 'P': c.to_send += 1; break;
      case 'D': c.to_send += count; break;
      case 'U': c.to_read = count; break;
      default: return false;
    }
  }
  return true;
}

bool read_some(int fd, Connection& c) {
  static std::vector<char> in(256 * 1024);
  const ssize_t n = recv(fd, in.data(), in.size(), MSG_DONTWAIT);
  if (n < 0) return errno == EAGAIN || errno == EINTR;
  return n > 0 && take(c, in.data(), static_cast<std::size_t>(n));
}

bool send_some(int fd, Connection& c) {
  while (c.to_send > 0) {
    const std::size_t part = std::min<std::uint64_t>(c.to_send, chunk().size());
    const ssize_t n = send(fd, chunk().data(), part, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    c.to_send -= static_cast<std::uint64_t>(n);
  }
  return true;
}

int listen_on(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const sockaddr_in address = bench::loopback(port);
  if (fd < 0 || bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || listen(fd, 4096) != 0) {
    std::perror("bench-backend: listen");
    std::exit(1);
  }
  return fd;
}

void watch(int poll, int fd, int how, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  epoll_ctl(poll, how, fd, &event);
}

// The socket to serve: the accepted one, or the plain end of what the pool makes of it.
int accept_one(int listener, const char* identity) {
  const int accepted = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (accepted < 0 || identity == nullptr) return accepted;
  tlspool_error error = TLSPOOL_ERROR_INIT;
  const int plain = tlspool_starttls_server(accepted, identity, nullptr, nullptr, &error);
  if (plain >= 0) return plain;
  std::fprintf(stderr, "bench-backend: %s\n", error.message);
  close(accepted);
  return -1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 && argc != 3) {
    std::fprintf(stderr, "usage: bench-backend PORT [IDENTITY]\n");
    return 2;
  }
  const char* identity = argc == 3 ? argv[2] : nullptr;
  bench::more_files();
  const int listener = listen_on(std::atoi(argv[1]));
  const int poll = epoll_create1(EPOLL_CLOEXEC);
  watch(poll, listener, EPOLL_CTL_ADD, EPOLLIN);
  std::map<int, Connection> connections;
  std::array<epoll_event, 64> ready{};
  while (true) {
    const int count = epoll_wait(poll, ready.data(), static_cast<int>(ready.size()), -1);
    for (int i = 0; i < count; ++i) {
      const int fd = ready[static_cast<std::size_t>(i)].data.fd;
      if (fd == listener) {
        const int socket = accept_one(listener, identity);
        if (socket >= 0) watch(poll, socket, EPOLL_CTL_ADD, EPOLLIN);
        continue;
      }
      Connection& c = connections[fd];
      if (!read_some(fd, c) || !send_some(fd, c)) {
        connections.erase(fd);
        close(fd);
        continue;
      }
      watch(poll, fd, EPOLL_CTL_MOD, c.to_send > 0 ? EPOLLIN | EPOLLOUT : EPOLLIN);
    }
  }
}
