// SPDX-License-Identifier: Apache-2.0
#include "worker/peer_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

namespace tlspool::worker {

PeerAddress PeerAddress::of(int network) {
  PeerAddress out;
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getpeername(network, reinterpret_cast<sockaddr*>(&address), &size) != 0) return out;
  out.family = address.ss_family;
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    out.port = ntohs(v4.sin_port);
    std::memcpy(out.ip.data(), &v4.sin_addr, sizeof v4.sin_addr);
  } else if (address.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    out.port = ntohs(v6.sin6_port);
    std::memcpy(out.ip.data(), &v6.sin6_addr, sizeof v6.sin6_addr);
  }
  return out;
}

const char* PeerAddress::transport() const {
  if (family == AF_INET || family == AF_INET6) return "tcp";
  return family == AF_UNIX ? "unix" : "other";
}

std::string PeerAddress::text() const {
  if (family != AF_INET && family != AF_INET6) return {};
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (inet_ntop(family, ip.data(), text.data(), text.size()) == nullptr) return {};
  return (family == AF_INET ? std::string(text.data()) : "[" + std::string(text.data()) + "]") + ":" + std::to_string(port);
}

}  // namespace tlspool::worker
