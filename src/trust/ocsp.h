// SPDX-License-Identifier: Apache-2.0
// The Online Certificate Status Protocol (RFC 6960): a question about one certificate, and the answer.
#pragma once
#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/error.h"
#include "tls/openssl.h"

namespace tlspool::trust {

inline constexpr std::size_t max_ocsp_bytes = 64 * 1024;

struct OcspRequest {
  Bytes der;
  Bytes nonce;  ///< in `der`; empty: none
};
enum class Nonce { none, random };
/// Asks for `certificate`, which `issuer` has issued. Without a nonce a responder may have its answers ready.
[[nodiscard]] Result<OcspRequest> make_ocsp_request(const X509* certificate, const X509* issuer, Nonce nonce);

struct OcspAnswer {
  enum class Status { good, revoked, unknown };
  Status status = Status::unknown;
  std::string reason;             ///< revoked: why, where it says so
  std::int64_t revoked_at = 0;    ///< seconds since 1970
  std::int64_t this_update = 0;
  std::int64_t next_update = 0;   ///< until when it holds, also where it does not say so
};

struct OcspRules {
  std::int64_t now = 0;
  std::int64_t oldest = 7 * 24 * 60 * 60;  ///< seconds since its this-update that an answer counts at most
  Bytes nonce;                             ///< that was asked with: another one in the answer is wrong, none is not
};

/// Reads a response (DER). An error where it proves nothing of `certificate`: not successful, malformed, not signed by `issuer` or by
/// somebody whom it has charged with that, for another certificate, from the future, out of date.
[[nodiscard]] Result<OcspAnswer> read_ocsp_response(ByteView der, const X509* certificate, X509* issuer, const OcspRules& rules);

}  // namespace tlspool::trust
