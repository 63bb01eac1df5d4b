// SPDX-License-Identifier: Apache-2.0
#include "cli/address.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "base/deadline.h"
#include "base/handle.h"

namespace tlspool::cli {
namespace {

Error malformed(std::string_view text, std::string reason) {
  return {Code::invalid, "address", std::string(text), std::move(reason),
          "write HOST:PORT, with [brackets] around an IPv6 address"};
}

}  // namespace

Result<HostPort> HostPort::parse(std::string_view text) {
  HostPort out;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return fail(malformed(text, "a bracket is open"));
    out.host = text.substr(1, end - 1);
    if (out.host.find(':') == std::string::npos) return fail(malformed(text, "no IPv6 address between the brackets"));
    text.remove_prefix(end + 1);
    if (!text.starts_with(':')) return fail(malformed("[" + out.host + "]", "the port is missing"));
    out.port = text.substr(1);
  } else {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return fail(malformed(text, "the port is missing"));
    out.host = text.substr(0, colon);
    out.port = text.substr(colon + 1);
    if (out.host.find(':') != std::string::npos) return fail(malformed(text, "more than one colon"));
  }
  if (out.host.empty()) return fail(malformed(text, "the host is missing"));
  if (out.port.empty()) return fail(malformed(out.host + ":", "the port is missing"));
  const bool digits = out.port.find_first_not_of("0123456789") == std::string::npos;
  if (digits && (out.port.size() > 5 || std::stoi(out.port) > 65535)) {
    return fail(malformed(out.text(), "a port is at most 65535"));
  }
  return out;
}

std::string HostPort::text() const {
  return host.find(':') == std::string::npos ? host + ":" + port : "[" + host + "]:" + port;
}

std::string SocketAddress::text() const {
  char buffer[INET6_ADDRSTRLEN] = "";
  if (generic.sa_family == AF_INET) {
    inet_ntop(AF_INET, &v4.sin_addr, buffer, sizeof buffer);
    return std::string(buffer) + ":" + std::to_string(ntohs(v4.sin_port));
  }
  inet_ntop(AF_INET6, &v6.sin6_addr, buffer, sizeof buffer);
  return "[" + std::string(buffer) + "]:" + std::to_string(ntohs(v6.sin6_port));
}

Result<std::vector<SocketAddress>> resolve(const HostPort& where, Use use) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  // An address of another family than the host has is left out, but never for literal addresses.
  hints.ai_flags = use == Use::listen ? AI_PASSIVE : 0;
  addrinfo* raw = nullptr;
  const int rc = getaddrinfo(where.host.c_str(), where.port.c_str(), &hints, &raw);
  if (rc != 0) {
    const char* reason = rc == EAI_SYSTEM ? std::strerror(errno) : gai_strerror(rc);
    return fail({Code::not_found, "resolve", where.text(), reason, "check the name and the port"});
  }
  const std::unique_ptr<addrinfo, Freed<freeaddrinfo>> list(raw);
  std::vector<SocketAddress> out;
  for (const addrinfo* a = list.get(); a != nullptr; a = a->ai_next) {
    if (a->ai_addrlen > sizeof(sockaddr_in6)) continue;
    SocketAddress& address = out.emplace_back();
    std::memcpy(&address.v6, a->ai_addr, a->ai_addrlen);
    address.size = a->ai_addrlen;
  }
  if (out.empty()) return fail({Code::not_found, "resolve", where.text(), "no IPv4 or IPv6 address", {}});
  return out;
}

Result<UniqueFd> connect_tcp(const HostPort& where, std::chrono::milliseconds timeout) {
  auto addresses = resolve(where, Use::connect);
  if (!addresses) return fail(std::move(addresses.error()));
  using std::chrono::steady_clock;
  const auto deadline = steady_clock::now() + timeout;
  std::string tried;
  for (std::size_t i = 0; i < addresses->size(); ++i) {
    const SocketAddress& address = (*addresses)[i];
    UniqueFd fd{socket(address.generic.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!fd.valid()) return fail(system_error("socket", address.text(), errno));
    // A dead address must not eat the whole time of those behind it.
    const auto share = (deadline - steady_clock::now()) / static_cast<long>(addresses->size() - i);
    const int error = connect_until(fd.get(), address.generic, address.size, steady_clock::now() + share);
    if (error == 0) {
      const int on = 1;
      setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      fcntl(fd.get(), F_SETFL, fcntl(fd.get(), F_GETFL) & ~O_NONBLOCK);
      return fd;
    }
    if (address.text() != where.text()) tried += (tried.empty() ? "" : ", ") + address.text() + ": ";
    tried += std::strerror(error);
  }
  return fail({Code::io, "connect", where.text(), tried, "check that the server runs and that nothing blocks the way"});
}

Result<UniqueFd> listen_tcp(const SocketAddress& address) {
  UniqueFd fd{socket(address.generic.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!fd.valid()) return fail(system_error("socket", address.text(), errno));
  const int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // accepted sockets inherit it
  if (address.generic.sa_family == AF_INET6) setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (bind(fd.get(), &address.generic, address.size) != 0) {
    Error e = system_error("bind", address.text(), errno);
    if (errno == EADDRINUSE) e.advice = "another program listens there; port 0 takes a free one";
    if (errno == EACCES) e.advice = "ports below 1024 are for root, or for CAP_NET_BIND_SERVICE";
    return fail(std::move(e));
  }
  if (::listen(fd.get(), SOMAXCONN) != 0) return fail(system_error("listen", address.text(), errno));
  return fd;
}

SocketAddress local_address(int fd) {
  SocketAddress out;
  out.size = sizeof out.v6;
  getsockname(fd, &out.generic, &out.size);
  return out;
}

}  // namespace tlspool::cli
