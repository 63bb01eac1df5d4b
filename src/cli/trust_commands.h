// SPDX-License-Identifier: Apache-2.0
// `tlspool pin-peer ...` and `tlspool revoke ...`, as commands.h has the other commands.
#pragma once
#include <cstdint>
#include <string>

#include "cli/commands.h"

namespace tlspool::cli {

struct PinPeerAddOptions {
  /// What of a certificate is pinned.
  enum class Of { key, certificate };
  std::string pool;
  std::string name;
  std::string certificate;  ///< PEM file; else:
  std::string spki;         ///< SHA-256 of the key, hex; else:
  std::string connect;      ///< HOST:PORT of a server, whose key is pinned as it is
  Of of = Of::certificate;  ///< of the file
  std::string service;      ///< empty: all
  std::uint32_t days = 0;   ///< 0: for ever
};
[[nodiscard]] Status pin_peer_add(const PinPeerAddOptions& options);

struct PinPeerListOptions {
  std::string pool;
  Output output = Output::text;
};
[[nodiscard]] Status pin_peer_list(const PinPeerListOptions& options);

struct PinPeerRemoveOptions {
  std::string pool;
  std::string name;
  std::string sha256;   ///< empty: whatever it is
  std::string service;  ///< empty: whatever it is
};
[[nodiscard]] Status pin_peer_remove(const PinPeerRemoveOptions& options);

struct RevokeOptions {
  enum class Direction { revoke, undo };
  std::string pool;
  std::string what;
  std::string issuer;
  Direction direction = Direction::revoke;
};
[[nodiscard]] Status revoke(const RevokeOptions& options);

struct RevokeListOptions {
  std::string pool;
  Output output = Output::text;
};
[[nodiscard]] Status revoke_list(const RevokeListOptions& options);

}  // namespace tlspool::cli
