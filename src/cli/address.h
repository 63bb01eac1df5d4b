// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/fd.h"

namespace tlspool::cli {

/// HOST:PORT as people write it: `example.org:443`, `192.0.2.1:443`, `[2001:db8::1]:https`.
struct HostPort {
  std::string host;  ///< without brackets
  std::string port;  ///< number or service name
  /// Pure. Error: Code::invalid, says what is missing.
  [[nodiscard]] static Result<HostPort> parse(std::string_view text);
  /// With brackets where they are needed.
  [[nodiscard]] std::string text() const;
};

/// A TCP address, IPv4 or IPv6.
struct SocketAddress {
  union {
    sockaddr generic;
    sockaddr_in v4;
    sockaddr_in6 v6;
  };
  socklen_t size = 0;
  SocketAddress() : v6{} {}
  [[nodiscard]] std::string text() const;
};

enum class Use { connect, listen };
/// In the order of RFC 6724, as getaddrinfo gives it; at least one.
[[nodiscard]] Result<std::vector<SocketAddress>> resolve(const HostPort& where, Use use);

/// Tries each address in turn, the deadline over all of them. The socket is blocking and close-on-exec.
[[nodiscard]] Result<UniqueFd> connect_tcp(const HostPort& where, std::chrono::milliseconds timeout);

/// Non-blocking and close-on-exec; sockets that it accepts send without delay (they inherit it).
[[nodiscard]] Result<UniqueFd> listen_tcp(const SocketAddress& address);
/// Where a socket is bound; the real port where 0 was asked for.
[[nodiscard]] SocketAddress local_address(int fd);

}  // namespace tlspool::cli
