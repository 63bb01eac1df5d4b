// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/error.h"

namespace tlspool::tls {

/// What an SSL_CTX is made with (SSL_CTX_new_ex) whose handshakes shall be computed here.
inline constexpr const char* handshake_properties = "?tlspool.handshake=yes,?tlspool.fast=yes";

/// Registers the built-in provider "tlspool-handshake" in the default library context, once a process, before the sandbox closes. It has what
/// OpenSSL 3.0 spends much of a handshake on, for contexts that ask for it by `handshake_properties`: TLS13-KDF, TLS1-PRF and HMAC with
/// SHA-256 and SHA-384, of which OpenSSL looks up digest and HMAC by name for each of some twenty keys, and X25519 (tls/x25519.h).
/// The results are the same, and so is the hashing.
[[nodiscard]] Status load_handshake_provider();

}  // namespace tlspool::tls
