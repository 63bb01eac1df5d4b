// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "base/secret.h"
#include "tls/openssl.h"
#include "wire/shared_keys.h"
#include "worker/key_link.h"

namespace tlspool::worker {

/// The shared key that one connection was promised, or is protected by.
struct SharedKey {
  const wire::PeerSetup* peer = nullptr;  ///< of the connection's policy
  Secret secret;                          ///< gone once the handshake is done
  Bytes identity;
  Bytes session_id;                       ///< of a phantom session
  std::string key_id;                     ///< for people
  std::uint32_t left = 0;
  KeyLease lease;                         ///< a server's, until it is settled
  tls::SslSession session;                ///< PSK of TLS 1.3, or phantom session
  bool given = false;                     ///< OpenSSL has got the key
  bool consumed = false;                  ///< the keeper has settled the lease

  /// "shared key: store=hsm.b.example key=5678: ", the beginning of every message about it.
  [[nodiscard]] std::string named() const;
  /// Whether the finished handshake rests on the key.
  [[nodiscard]] bool used(const SSL* ssl) const;
  /// Forgets what a running connection needs no more.
  void wipe_secrets();
};

/// Takes the key out of an answer without a problem; the answer keeps no copy.
[[nodiscard]] SharedKey shared_key_of(const wire::PeerSetup& peer, wire::KeyAnswer& answer, KeyLink& link);

/// Where a key of the peer lies, for people: the other site's key store, or the name of a lasting key.
[[nodiscard]] const std::string& store_of(const wire::PeerSetup& peer);
/// A phantom session, or a key that is never used up, serves again and again.
[[nodiscard]] bool is_lasting(const wire::PeerSetup& peer);
[[nodiscard]] bool has_forward_secrecy(const wire::PeerSetup& peer);
/// The one suite that connections with the peer use: OpenSSL's name, and IANA's number (0 for a phantom session).
struct KeySuite {
  std::string name;
  std::uint16_t number = 0;
};
[[nodiscard]] KeySuite suite_of(const wire::PeerSetup& peer);

}  // namespace tlspool::worker
