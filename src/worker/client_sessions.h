// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <string>

#include "tls/openssl.h"
#include "worker/connection.h"

namespace tlspool::worker {

/// Sessions that our clients may resume. Each stands under a digest of everything that the first handshake
/// was decided by (policy, caller, identities, service, ALPN), so another request or a changed policy never
/// finds it; it is used once (RFC 8446 appendix C.4) and never after the certificate that it rests on.
class ClientSessions {
 public:
  struct Entry {
    tls::SslSession session;
    Proved proved;
    bool local_shown = false;
  };
  /// Takes over the reference when it returns true.
  bool keep(const Connection& connection, SSL_SESSION* session);
  [[nodiscard]] std::optional<Entry> take(const Connection& connection);

 private:
  struct Stored {
    std::string key;
    Entry entry;
  };
  std::list<Stored> newest_first_;
  std::multimap<std::string, std::list<Stored>::iterator> by_key_;
};

/// The digest that a session is bound to, 32 bytes.
[[nodiscard]] std::string resumption_key(const Connection& connection);
/// Tickets that this server connection gives out or accepts are bound to resumption_key().
void bind_tickets(SSL* ssl, const Connection& connection);

}  // namespace tlspool::worker
