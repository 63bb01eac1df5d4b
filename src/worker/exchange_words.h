// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <string>

#include "base/bytes.h"
#include "tls/openssl.h"

namespace tlspool::worker {

// What the two sides of a key exchange have agreed to say (docs/p2p-tls.md, "The key exchange").

inline constexpr const char* exchange_protocol = "tlspool-kex";                       ///< ALPN
inline constexpr const char* secret_label = "EXPORTER-tlspool-kex";                   ///< of the result
inline constexpr const char* authentication_label = "EXPORTER-tlspool-kex-sas";       ///< of the words to compare by voice
inline constexpr std::size_t authentication_size = 32;
inline constexpr std::size_t longest_confirmation = 4096;

/// The application data behind each Finished: who one is, and who the other one is in one's own eyes.
struct Names {
  std::string own;
  std::string other;
};
[[nodiscard]] Bytes confirmation(const Names& names);
[[nodiscard]] std::optional<Names> read_confirmation(ByteView text);

/// The exporter's context: both identities, the TLS client's first.
[[nodiscard]] Bytes secret_context(const std::string& client, const std::string& server);

/// SHA-256 of the SubjectPublicKeyInfo of the peer's certificate, in hex; empty where it has none.
[[nodiscard]] std::string peer_pin(const SSL* ssl);

}  // namespace tlspool::worker
