// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <cstdint>
#include <string>

namespace tlspool::worker {

/// Where the network side of a connection leads to. Small: each session has one.
struct PeerAddress {
  std::uint16_t family = 0;  ///< AF_*; AF_UNSPEC: not known
  std::uint16_t port = 0;
  std::array<std::uint8_t, 16> ip{};  ///< in network order; of an IPv4 address the first four

  /// Of a connected socket.
  [[nodiscard]] static PeerAddress of(int network);
  /// "tcp", "unix" or "other".
  [[nodiscard]] const char* transport() const;
  /// "192.0.2.1:443", "[2001:db8::1]:443"; empty where there is none.
  [[nodiscard]] std::string text() const;
};

}  // namespace tlspool::worker
