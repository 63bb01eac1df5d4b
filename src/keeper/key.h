// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <span>
#include <string>

#include "keeper/session.h"
#include "tls/key_provider.h"
#include "wire/ipc.h"

namespace tlspool::keeper {

/// A private key of a token, as one login sees it.
struct PrivateKey {
  CK_OBJECT_HANDLE handle = 0;
  wire::KeyType type = wire::KeyType::p256;
  std::uint32_t bits = 0;
  bool always_authenticate = false;  ///< CKA_ALWAYS_AUTHENTICATE: a PIN for each signature
  std::string label;
  Bytes id;
  tls::EvpKey public_key;  ///< null where the token has no public half of it
};

/// The one private key that `uri` selects in the token of `slot`, beside those `except`. Code::token_missing where there is none,
/// Code::config where several match, where the URI is of another token or of another type of object.
[[nodiscard]] Result<CK_OBJECT_HANDLE> find_private_key(const Session& session, const Slot& slot, const Uri& uri,
                                                        std::span<const CK_OBJECT_HANDLE> except = {});
/// Code::config where TLS Pool can't use its type or size.
[[nodiscard]] Result<PrivateKey> read_private_key(const Session& session, CK_OBJECT_HANDLE handle);

/// DER of the parameters of P-256, P-384 and Ed25519, as CKA_EC_PARAMS has them.
[[nodiscard]] ByteView curve_parameters(wire::KeyType type);
/// "RSA 2048", "P-256"
[[nodiscard]] std::string key_type_text(wire::KeyType type, std::uint32_t bits);

/// The certificates that `uri` selects in the token, DER, that of `key` first, followed by those of its issuers as far
/// as the token has them.
[[nodiscard]] Result<std::vector<Bytes>> read_chain(const Session& session, const Uri& uri, const PrivateKey& key);

}  // namespace tlspool::keeper
