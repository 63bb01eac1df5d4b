// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/error.h"

namespace tlspool::tls {

/// What an SSL_CTX is made with (SSL_CTX_new_ex) that shall have its keys derived here.
inline constexpr const char* schedule_properties = "?tlspool.schedule=yes,?tlspool.fast=yes";

/// Registers the built-in provider "tlspool-schedule" in the default library context, once a process: TLS13-KDF, TLS1-PRF and HMAC, with SHA-256
/// and SHA-384, for contexts that ask for them by `schedule_properties`. A handshake derives some twenty keys, and through OpenSSL 3.0's own
/// functions, which look up digest and HMAC by name for each, that takes as much time as the signature. The results are the same, and so is
/// the hashing.
[[nodiscard]] Status load_schedule_provider();

}  // namespace tlspool::tls
