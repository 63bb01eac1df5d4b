// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/error.h"
#include "base/secret.h"
#include "tls/openssl.h"

namespace tlspool::tls {

/// An external PSK of TLS 1.3 (RFC 8446 section 4.2.11) in the form in which OpenSSL takes it.
/// `suite` is IANA's number; `context` is the session id context of the connection that is to use it.
[[nodiscard]] Result<SslSession> external_psk(SSL* ssl, const Secret& psk, std::uint16_t suite, ByteView context);

/// Whether a session was made with the extended master secret (RFC 7627); resuming it wants the same again.
enum class MasterSecret { extended, plain };

/// A session of TLS 1.2 that never was: its master secret was shared beforehand. `suite` is one of
/// `ssl`, by OpenSSL's name or the standard's; `context` as above.
[[nodiscard]] Result<SslSession> phantom_session(SSL* ssl, const Secret& master_secret, ByteView id, const std::string& suite, MasterSecret kind,
                                                 ByteView context);

}  // namespace tlspool::tls
