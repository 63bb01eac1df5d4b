// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <string>

#include "base/error.h"
#include "tls/openssl.h"
#include "tls/tie_break.h"

namespace tlspool::worker {

/// How the roles of a peer-to-peer connection come about (docs/p2p-tls.md).
struct Tie {
  tls::TieBreaker own{};                ///< in our ClientHello
  bool hello_sent = false;              ///< the peer may have seen `own`
  std::optional<tls::TieBreaker> seen;  ///< in the peer's ClientHello
  bool hello_seen = false;              ///< the peer sent one, be it without a tie-breaker
  bool proved = false;                  ///< client: the server named the value that we saw
  std::string problem;                  ///< why the tie-break failed, for people; empty: it did not
};

inline constexpr const char* two_clients =
    "both sides can be a TLS client only; let one of them be a server or peer (a peer without a local identity is a client)";
inline constexpr const char* two_servers = "both sides can be a TLS server only; let one of them be a client or peer";

/// Adds the tie-breaker extension to every connection of `context`: clients send it where their Connection has a Tie, servers
/// answer with it, clients compare.
[[nodiscard]] Status add_tie_breaker(SSL_CTX* context, std::uint16_t extension);

}  // namespace tlspool::worker
