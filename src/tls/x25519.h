// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <openssl/core.h>

#include "base/error.h"

namespace tlspool::tls {

/// X25519 (RFC 7748) as an OpenSSL provider offers it: keys that live as long as a handshake, made and used by libsodium. They can't be
/// imported, exported or stored.
[[nodiscard]] const OSSL_DISPATCH* x25519_keys();
[[nodiscard]] const OSSL_DISPATCH* x25519_exchange();

/// A provider's answer for the capability "TLS-GROUP" (provider-base(7)): the group x25519 of RFC 8446 section 4.2.7. libssl uses a group only
/// where the provider that says it has it is also the one that makes its keys.
int x25519_group(OSSL_CALLBACK* tell, void* argument);

/// Makes libsodium choose its code for this processor, once, before the sandbox closes.
[[nodiscard]] Status start_x25519();

}  // namespace tlspool::tls
