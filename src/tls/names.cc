// SPDX-License-Identifier: Apache-2.0
#include "tls/names.h"

#include <openssl/obj_mac.h>

#include <algorithm>
#include <array>
#include <utility>

namespace tlspool::tls {

std::string alert_name(int description) {
  using Entry = std::pair<int, const char*>;
  static constexpr std::array<Entry, 33> names{{
      {0, "close_notify"}, {10, "unexpected_message"}, {20, "bad_record_mac"}, {21, "decryption_failed"},
      {22, "record_overflow"}, {30, "decompression_failure"}, {40, "handshake_failure"}, {41, "no_certificate"},
      {42, "bad_certificate"}, {43, "unsupported_certificate"}, {44, "certificate_revoked"},
      {45, "certificate_expired"}, {46, "certificate_unknown"}, {47, "illegal_parameter"}, {48, "unknown_ca"},
      {49, "access_denied"}, {50, "decode_error"}, {51, "decrypt_error"}, {60, "export_restriction"},
      {70, "protocol_version"}, {71, "insufficient_security"}, {80, "internal_error"},
      {86, "inappropriate_fallback"}, {90, "user_canceled"}, {100, "no_renegotiation"},
      {109, "missing_extension"}, {110, "unsupported_extension"}, {112, "unrecognized_name"},
      {113, "bad_certificate_status_response"}, {115, "unknown_psk_identity"}, {116, "certificate_required"},
      {120, "no_application_protocol"}, {121, "ech_required"},
  }};
  const auto* found = std::find_if(names.begin(), names.end(), [&](const Entry& e) { return e.first == description; });
  return found == names.end() ? "alert_" + std::to_string(description) : found->second;
}

std::string signature_scheme_name(int nid_of_key, int nid_of_digest) {
  const std::string hash = nid_of_digest == NID_sha256   ? "sha256"
                           : nid_of_digest == NID_sha384 ? "sha384"
                           : nid_of_digest == NID_sha512 ? "sha512"
                           : nid_of_digest == NID_sha1   ? "sha1"
                                                         : "";
  if (nid_of_key == NID_ED25519) return "ed25519";
  if (nid_of_key == NID_ED448) return "ed448";
  if (hash.empty()) return {};
  if (nid_of_key == NID_rsassaPss) return "rsa_pss_rsae_" + hash;
  if (nid_of_key == NID_rsaEncryption) return "rsa_pkcs1_" + hash;
  if (nid_of_key == NID_X9_62_id_ecPublicKey) {
    const char* curve = nid_of_digest == NID_sha256 ? "secp256r1_" : nid_of_digest == NID_sha384 ? "secp384r1_" : "secp521r1_";
    return "ecdsa_" + (hash == "sha1" ? hash : curve + hash);
  }
  return {};
}

}  // namespace tlspool::tls
