// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/error.h"
#include "tls/openssl.h"
#include "worker/connection.h"

// External pre-shared keys, as OpenSSL wants them.
namespace tlspool::worker {

/// Client: this connection offers nothing but its shared key, in the one version and suite of its peer.
[[nodiscard]] Status offer_psk(SSL* ssl, Connection& connection);

/// What a ClientHello led to.
enum class Hello {
  ours,     ///< a key was leased: nothing else will do on this connection
  other,    ///< it names no key of ours
  refused,  ///< it names one that can't be used; connection.key_problem and the alert say why
};
/// Server, TLS 1.3, in the client-hello callback: the key that the hello names. Pauses while the keeper answers.
[[nodiscard]] Hello accept_psk13(SSL* ssl, Connection& connection, int* alert);

/// Server, TLS 1.2: whether the hello offers a suite of a peer whose keys may be used. The identity comes later.
[[nodiscard]] bool offers_psk12(SSL* ssl, const Connection& connection);
enum class Beside { certificate, nothing };
/// Takes the PSK suites of these peers first; the hint says which key store we are.
[[nodiscard]] Status accept_psk12(SSL* ssl, const Connection& connection, Beside beside);

/// Server, TLS 1.3, after the binder was verified and before anything is sent: has the keeper consume the key.
/// The function that SSL_CTX_set_tlsext_servername_callback wants: OpenSSL calls it there for every hello.
int consume_psk13(SSL* ssl, int* alert, void*);

}  // namespace tlspool::worker
