// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "tls/openssl.h"

namespace tlspool::worker {

/// The functions by which OpenSSL asks the worker during a handshake: which identity serves this name, which
/// protocol, is this chain good, what does a ticket remember. Each finds its Connection through the SSL.
void set_callbacks(SSL_CTX* context);
/// A client asks the server for an OCSP response along with its certificate.
void ask_for_staple(SSL* ssl);

}  // namespace tlspool::worker
