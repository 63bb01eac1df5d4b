// SPDX-License-Identifier: Apache-2.0
#include "base/socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

namespace tlspool {
namespace {

constexpr std::size_t max_descriptors = 253;  // SCM_MAX_FD of Linux

struct UnixAddress {
  sockaddr_un address{};
  UniqueFd directory;  // keeps the /proc/self/fd path alive
};

Result<UnixAddress> unix_address(const std::string& path) {
  UnixAddress out;
  out.address.sun_family = AF_UNIX;
  std::string short_path = path;
  if (path.size() >= sizeof out.address.sun_path) {
    const auto slash = path.rfind('/');
    const std::string directory = path.substr(0, slash);
    out.directory.reset(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!out.directory.valid()) return fail(system_error("open", directory, errno));
    short_path = "/proc/self/fd/" + std::to_string(out.directory.get()) + path.substr(slash);
  }
  if (short_path.size() >= sizeof out.address.sun_path) {
    errno = ENAMETOOLONG;
    return fail({Code::invalid, "socket path", path, "its file name is too long", {}});
  }
  std::memcpy(out.address.sun_path, short_path.data(), short_path.size());
  return out;
}

}  // namespace

Result<PeerCredentials> peer_credentials(int fd) {
  ucred c{};
  socklen_t size = sizeof c;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &size) != 0) {
    return fail(system_error("getsockopt", "SO_PEERCRED", errno));
  }
  PeerCredentials out{c.pid, c.uid, c.gid, {}};
  out.groups.resize(64);
  while (true) {
    size = static_cast<socklen_t>(out.groups.size() * sizeof(gid_t));
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, out.groups.data(), &size) == 0) break;
    if (errno != ERANGE) return fail(system_error("getsockopt", "SO_PEERGROUPS", errno));
    out.groups.resize(size / sizeof(gid_t));
  }
  out.groups.resize(size / sizeof(gid_t));
  return out;
}

Result<std::pair<UniqueFd, UniqueFd>> socket_pair(int type, bool nonblocking) {
  int fds[2];
  if (socketpair(AF_UNIX, type | SOCK_CLOEXEC | (nonblocking ? SOCK_NONBLOCK : 0), 0, fds) != 0) {
    return fail(system_error("socketpair", "", errno));
  }
  return std::pair{UniqueFd{fds[0]}, UniqueFd{fds[1]}};
}

Result<UniqueFd> listen_unix(const std::string& path, mode_t mode) {
  auto address = unix_address(path);
  if (!address) return fail(std::move(address.error()));
  UniqueFd fd{socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!fd.valid()) return fail(system_error("socket", path, errno));
  const auto* generic = reinterpret_cast<const sockaddr*>(&address->address);
  if (connect(fd.get(), generic, sizeof address->address) == 0 || errno == EAGAIN) {
    return fail({Code::busy, "listen", path, "another tlspoold answers on this socket",
                 "stop it first, or name another pool with --pool"});
  }
  fd.reset(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return fail(system_error("socket", path, errno));
  if (unlink(address->address.sun_path) != 0 && errno != ENOENT) return fail(system_error("unlink", path, errno));
  // The mode must be right before anybody can connect: bind under a umask that lets nobody in.
  const mode_t old = umask(0777);
  const int rc = bind(fd.get(), generic, sizeof address->address);
  const int bind_errno = errno;
  umask(old);
  if (rc != 0) return fail(system_error("bind", path, bind_errno));
  if (listen(fd.get(), SOMAXCONN) != 0) return fail(system_error("listen", path, errno));
  if (chmod(address->address.sun_path, mode) != 0) return fail(system_error("chmod", path, errno));
  return fd;
}

Result<UniqueFd> connect_unix(const std::string& path) {
  auto address = unix_address(path);
  if (!address) return fail(std::move(address.error()));
  UniqueFd fd{socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  if (!fd.valid()) return fail(system_error("socket", path, errno));
  int rc;
  do {
    rc = connect(fd.get(), reinterpret_cast<const sockaddr*>(&address->address), sizeof address->address);
  } while (rc != 0 && errno == EINTR);
  if (rc != 0) return fail(system_error("connect", path, errno));
  return fd;
}

std::optional<UniqueFd> try_connect_unix(const std::string& path) {
  auto address = unix_address(path);
  if (!address) return std::nullopt;
  UniqueFd fd{socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!fd.valid()) return std::nullopt;
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address->address), sizeof address->address) != 0) {
    const int number = errno;
    fd.reset();
    errno = number;
    return std::nullopt;
  }
  return fd;
}

Result<std::optional<Received>> receive(int fd, std::span<std::uint8_t> into, int flags) {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(max_descriptors * sizeof(int)) + 256> control;
  iovec vec{into.data(), into.size()};
  msghdr message{};
  message.msg_iov = &vec;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t n;
  do {
    n = recvmsg(fd, &message, flags | MSG_CMSG_CLOEXEC);
  } while (n < 0 && errno == EINTR);
  if (n < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK) return std::optional<Received>{};
    return fail(system_error("recvmsg", "", errno));
  }
  Received out;
  out.size = static_cast<std::size_t>(n);
  out.truncated = (message.msg_flags & MSG_CTRUNC) != 0;
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int received;
      std::memcpy(&received, CMSG_DATA(c) + i * sizeof(int), sizeof received);
      out.descriptors.emplace_back(received);
    }
  }
  return std::optional<Received>{std::move(out)};
}

Result<std::optional<std::size_t>> transmit(int fd, ByteView bytes, std::span<const int> descriptors, int flags) {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(max_descriptors * sizeof(int))> control;
  iovec vec{const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_iov = &vec;
  message.msg_iovlen = 1;
  if (!descriptors.empty()) {
    if (descriptors.size() > max_descriptors) {
      return fail({Code::invalid, "sendmsg", "", "more descriptors than one message can carry", {}});
    }
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(c), descriptors.data(), descriptors.size_bytes());
  }
  ssize_t n;
  do {
    n = sendmsg(fd, &message, flags | MSG_NOSIGNAL);
  } while (n < 0 && errno == EINTR);
  if (n < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK) return std::optional<std::size_t>{};
    Error e = system_error("sendmsg", "", errno);
    if (errno == EPIPE || errno == ECONNRESET) e.code = Code::closed;
    return fail(std::move(e));
  }
  return std::optional<std::size_t>{static_cast<std::size_t>(n)};
}

}  // namespace tlspool
