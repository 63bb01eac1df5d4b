// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/error.h"
#include "tls/openssl.h"
#include "worker/connection.h"
#include "worker/psk.h"

// Sessions of TLS 1.2 that are resumed without ever having been made: their master secret comes from a shared key
// ("Use of Shared Keys in the TLS Protocol", section 3).
namespace tlspool::worker {

/// Client: this connection resumes its phantom session, or fails. After bind_tickets().
[[nodiscard]] Status offer_phantom(SSL* ssl, Connection& connection);

/// Server, in the client-hello callback and after bind_tickets(): the phantom session whose id the hello has. Pauses
/// while the keeper answers.
[[nodiscard]] Hello accept_phantom(SSL* ssl, Connection& connection, int* alert);

/// The function that SSL_CTX_sess_set_get_cb wants: what accept_phantom() found.
SSL_SESSION* find_phantom(SSL* ssl, const unsigned char* id, int size, int* copy);

}  // namespace tlspool::worker
