// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"
#include "base/secret.h"
#include "wire/shared_keys.h"

namespace tlspool::sharedkey {

/// What a token computes HMAC-SHA256 of in derived mode; the PSK is the 32 bytes of the result.
/// "tlspool derived psk" 0, then each as 2 bytes length (big-endian) and bytes: address of the client's key store,
/// of the server's, the identity as sent, "1.2" or "1.3", "sha256" or "sha384".
[[nodiscard]] Bytes derivation_input(std::string_view client_store, std::string_view server_store, ByteView identity, bool tls13,
                                     wire::KeyHash hash);
/// What a token computes HMAC-SHA256 of for an audit; the check value is the first 8 bytes of the result.
[[nodiscard]] Bytes key_check_input(ByteView nonce, ByteView id);

/// master_secret = PRF(shared_secret, "shared secret", seed)[0..47] (Gutmann's draft, section 3), with the PRF of TLS
/// 1.2 over `prf` (RFC 5246 section 5).
[[nodiscard]] Result<Secret> phantom_master_secret(ByteView shared_secret, std::string_view seed, wire::KeyHash prf);
/// At most 32 bytes. `user`: the name itself, which must not be longer. `hmac`: HMAC-SHA256(shared_secret, "tlspool
/// session id" 0 user), so that who does not know the secret can't connect it to the name.
[[nodiscard]] Result<Bytes> phantom_session_id(ByteView shared_secret, std::string_view user, wire::SessionIdForm form);

/// scrypt (RFC 7914) with N = 2^17, r = 8, p = 1, 32 bytes. The salt is public and equal on both sides.
[[nodiscard]] Result<Secret> stretch_passphrase(ByteView passphrase, std::string_view salt);
/// Bits of entropy that a passphrase has at most, by its length, its classes of characters, repeated and neighbouring
/// characters. An estimate: it says what is surely weak, not what is strong.
[[nodiscard]] double passphrase_bits(std::string_view passphrase);
inline constexpr double least_passphrase_bits = 60;
/// RFC 9257 section 4: a PSK has at least 128 bits.
inline constexpr std::size_t least_key_bytes = 16;
inline constexpr std::size_t most_key_bytes = 256;

}  // namespace tlspool::sharedkey
