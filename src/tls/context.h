// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "tls/openssl.h"
#include "tls/ticket_keys.h"
#include "wire/ipc.h"

namespace tlspool::tls {

/// The pool's settings for every connection, both roles: versions, suites, groups, memory, tickets.
/// `tickets`: it keeps its share of them.
[[nodiscard]] Result<SslContext> make_context(std::shared_ptr<const TicketKeys> tickets);

/// OpenSSL's list of the suites of TLS 1.2 with certificates that every context allows.
[[nodiscard]] const char* certificate_suites12();

/// Gives `context` the identity's usable credentials (several: an RSA and an EC one, and OpenSSL picks by
/// what the peer can). Returns how many it took; a credential that does not fit is logged and left out.
std::size_t add_credentials(SSL_CTX* context, const wire::IdentitySetup& identity);

/// What one handshake agreed on, in the words of io.tlspool.Pool.
struct Agreed {
  bool tls13 = false;
  std::string cipher_suite;
  std::string group;                ///< empty: none
  std::string signature_algorithm;  ///< empty: resumed
  std::string alpn;                 ///< empty: none
  bool resumed = false;
};
[[nodiscard]] Agreed agreed_on(SSL* ssl);

/// ALPN wire form (RFC 7301 section 3.1). Fails on an empty name or one of more than 255 bytes.
[[nodiscard]] Result<Bytes> alpn_wire(const std::vector<std::string>& protocols);

}  // namespace tlspool::tls
