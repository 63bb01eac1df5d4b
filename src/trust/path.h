// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <ctime>
#include <string>
#include <vector>

#include "base/error.h"
#include "tls/openssl.h"

namespace tlspool::trust {

/// What a path must satisfy.
struct PathRules {
  bool peer_is_server = true;
  bool any_usage = false;      ///< serverAuth and clientAuth are not looked at
  std::time_t now = 0;
  bool anchor_is_any = false;  ///< a certificate of the store ends the path also where it is not self-signed
};

/// A path of RFC 5280 that holds, leaf first, anchor last.
struct Path {
  std::vector<tls::Certificate> certificates;
  std::int64_t valid_until = 0;  ///< earliest notAfter
};

/// Why there is none, as in wire::ChainVerdict.
struct NoPath {
  std::string check;
  std::string reason;
  std::string certificate;  ///< subject of the one at fault
  std::int32_t x509_error = 0;
};
/// Where the fault is this machine's, such as that memory ran out.
[[nodiscard]] NoPath no_path(const Error& defect);

using FoundPath = tl::expected<Path, NoPath>;
/// From `leaf` by `others` to a certificate of `store`, keys and digests of 112 bits of security or more.
[[nodiscard]] FoundPath find_path(X509_STORE* store, X509* leaf, const std::vector<X509*>& others, const PathRules& rules);

/// Seconds since 1970; 0 where the time can't be read.
[[nodiscard]] std::int64_t seconds_of(const ASN1_TIME* time);

}  // namespace tlspool::trust
