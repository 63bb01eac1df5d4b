// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <ctime>
#include <string>
#include <vector>

#include "trust/anchors.h"
#include "trust/tlsa.h"

namespace tlspool::trust {

/// More records than these are no honest set, and each may cost the check of a signature.
inline constexpr std::size_t max_tlsa_records = 64;
inline constexpr std::size_t max_bare_anchors = 8;

/// A set of TLSA records, which must come from DNSSEC-validated answers, and the chain that they speak about.
struct DaneQuery {
  std::vector<Bytes> records;        ///< RDATA
  std::vector<Bytes> chain;          ///< DER as the peer sent it, leaf first
  const Anchors* anchors = nullptr;  ///< for PKIX-TA and PKIX-EE; null: these match nothing
  /// Any one must be proved by the leaf, except with DANE-EE (RFC 7671 section 5.1). Empty: the caller looks at names.
  std::vector<std::string> names;
  bool peer_is_server = true;
  bool any_usage = false;            ///< serverAuth and clientAuth are not looked at
};

struct DaneVerdict {
  bool matched = false;
  std::size_t record = 0;         ///< index of the record that matched
  Tlsa what;                      ///< that record
  /// Where in the path: 0 the leaf. A bare key that is in no certificate stands one above the last certificate.
  std::size_t depth = 0;
  std::int64_t valid_until = 0;   ///< earliest notAfter of the path; 0: dates don't count (DANE-EE)
  std::size_t usable = 0;         ///< records that could be understood; with none the set is as if it were not there
  std::string reason;             ///< without a match: what each record lacked
};

/// RFC 6698 and 7671: does any of the records hold for the chain? DANE-EE is satisfied by the leaf alone, without names
/// and dates; DANE-TA by a path to the certificate or key of the record, be it sent by the peer or in the record;
/// PKIX-EE and PKIX-TA by a path to one of `anchors` besides. Of SHA-256 and SHA-512 records of one usage and selector
/// only the latter count (RFC 7671 section 9).
[[nodiscard]] DaneVerdict judge_dane(const DaneQuery& query, std::time_t now);

}  // namespace tlspool::trust
