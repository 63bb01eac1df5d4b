// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "keeper/signature.h"

namespace tlspool::keeper {

/// The certificate `leaf` (DER) is of this key: by the public half in the token, or, where there is none, by a
/// signature. `uri` stands in the error.
[[nodiscard]] Status match_key(const Session& session, const PrivateKey& key, ByteView leaf, const Secret& pin,
                               const std::string& uri);

/// Signs a text of the shape of a TLS 1.3 CertificateVerify with an all-zero transcript hash and verifies it.
[[nodiscard]] Status prove_key(const Session& session, const PrivateKey& key, EVP_PKEY* public_key, const Secret& pin);

/// Verifies a signature as TLS has it.
[[nodiscard]] bool signature_is_good(EVP_PKEY* key, std::uint16_t scheme, ByteView input, ByteView signature);

}  // namespace tlspool::keeper
