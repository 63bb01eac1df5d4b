// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "wire/ipc.h"

namespace tlspool::keeper {

/// What somebody wants signed, and with what kind of key.
struct SignQuestion {
  wire::KeyType key_type = wire::KeyType::p256;
  std::uint8_t allowed_roles = 0;  ///< wire::RoleBits in which some program may use the key's identity
  std::uint8_t role = 0;           ///< wire::RoleBits, exactly one
  bool tls13 = false;
  std::uint16_t scheme = 0;  ///< TLS SignatureScheme
  ByteView input;            ///< the whole text, not a digest
  bool tls12_allowed = true;
};

/// Starts out as refused.
struct SignVerdict {
  bool allowed = false;
  std::string_view reason = "not looked at";  ///< for people; a literal
};

/// Pure. Allows nothing but the signatures that a TLS endpoint of that role makes with that kind of key:
/// CertificateVerify of TLS 1.3 (RFC 8446 section 4.4.3), ServerKeyExchange of a TLS 1.2 server (RFC 8422
/// section 5.4) and CertificateVerify of a TLS 1.2 client (RFC 5246 section 7.4.8).
[[nodiscard]] SignVerdict judge_signature(const SignQuestion& question);

/// Parts of it, each for tests and fuzzing on its own.
[[nodiscard]] bool is_tls13_certificate_verify(ByteView input, std::uint8_t role);
[[nodiscard]] bool is_tls12_server_key_exchange(ByteView input);
[[nodiscard]] bool is_tls12_client_transcript(ByteView input);
/// The scheme exists, is of this kind of key, and the version allows it.
[[nodiscard]] bool scheme_fits(std::uint16_t scheme, wire::KeyType type, bool tls13);
/// "ecdsa_secp256r1_sha256", as in RFC 8446 section 4.2.3; a number for those that are none of ours.
[[nodiscard]] std::string scheme_name(std::uint16_t scheme);

}  // namespace tlspool::keeper
