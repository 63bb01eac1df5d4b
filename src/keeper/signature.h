// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>

#include "base/secret.h"
#include "keeper/key.h"

namespace tlspool::keeper {

/// An Error with the return value that it came from, for those who decide whether to reopen the token.
struct CallFailure {
  Error error;
  CK_RV rv = CKR_OK;
};
/// Of a call of the module; `advice`, if any, stands for the usual one.
[[nodiscard]] inline tl::unexpected<CallFailure> failed(const Session& session, const char* call, CK_RV rv, std::string advice = {}) {
  CallFailure out{session.error(call, rv), rv};
  if (!advice.empty()) out.error.advice = std::move(advice);
  return tl::unexpected<CallFailure>(std::move(out));
}

/// Hashes `input` as the TLS SignatureScheme says and signs with the token; ECDSA comes back in DER. `pin` is for keys
/// that want it for each signature; `copy` is the object to sign with in place of the key's own. Checks that the scheme is of the key's type, and nothing else: who may have
/// what signed is decided before.
[[nodiscard]] tl::expected<Bytes, CallFailure> sign_text(const Session& session, const PrivateKey& key,
                                                         std::uint16_t scheme, ByteView input, const Secret& pin,
                                                         std::optional<CK_OBJECT_HANDLE> copy = std::nullopt);

/// A scheme that a key of that type can sign in.
[[nodiscard]] std::uint16_t usual_scheme(wire::KeyType type);

}  // namespace tlspool::keeper
