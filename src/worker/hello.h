// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "tls/openssl.h"

namespace tlspool::worker {

/// The function that SSL_CTX_set_client_hello_cb wants: by what a server connection proves itself (a shared key that the
/// client names, or the identity that serves the name it asks for), before anything else of the hello is used.
int answer_hello(SSL* ssl, int* alert, void*);

}  // namespace tlspool::worker
