// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <ctime>
#include <optional>

#include "trust/anchors.h"
#include "trust/known_certificates.h"
#include "trust/path.h"
#include "wire/judge.h"

namespace tlspool::trust {

/// No honest chain comes near these; a hostile one must not cost the judge more than milliseconds.
inline constexpr std::size_t max_certificates = 16;
inline constexpr std::size_t max_chain_bytes = 128 * 1024;

/// What a peer presented, read and looked at once.
struct Presented {
  std::vector<tls::Certificate> certificates;  ///< leaf first, at least one
  std::vector<std::string> names;              ///< every SAN of the leaf: DNS, user@domain, IP, URI
  FoundPath path;                              ///< to an anchor, must-staple included; what `chain` says

  [[nodiscard]] X509* leaf() const { return certificates.front().get(); }
};
/// A refusal where the certificates can't be looked at: none, too many, malformed, or too costly.
[[nodiscard]] tl::expected<Presented, wire::ChainVerdict> present(const Anchors& anchors, KnownCertificates& known, const wire::ChainQuery& query,
                                                                    std::time_t now);

/// What `name` says: no refusal where the leaf proves `expected`, or, where that is empty, any name.
[[nodiscard]] std::optional<NoPath> refuse_name(const Presented& presented, const std::string& expected);

/// Whether a peer's chain proves who it says it is, where no policy says otherwise: RFC 5280 path validation from the leaf
/// to one of `anchors` for the peer's role, at `now`, with keys and digests of 112 bits of security or more, and RFC
/// 9525 names. Refused unless every check said yes; a refusal says which check, which certificate, why and
/// what to do.
[[nodiscard]] wire::ChainVerdict judge_presented(const Presented& presented, const wire::ChainQuery& query, std::time_t now);
[[nodiscard]] wire::ChainVerdict judge_chain(const Anchors& anchors, const wire::ChainQuery& query, std::time_t now);

}  // namespace tlspool::trust
