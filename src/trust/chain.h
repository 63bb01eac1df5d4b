// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <ctime>

#include "trust/anchors.h"
#include "wire/ipc.h"

namespace tlspool::trust {

/// No honest chain comes near these; a hostile one must not cost the judge more than milliseconds.
inline constexpr std::size_t max_certificates = 16;
inline constexpr std::size_t max_chain_bytes = 128 * 1024;

/// Whether a peer's chain proves who it says it is: RFC 5280 path validation from the leaf to one of
/// `anchors` for the peer's role, at `now`, with keys and digests of 112 bits of security or more, and RFC
/// 9525 names. Refused unless every check said yes; a refusal says which check, which certificate, why and
/// what to do.
[[nodiscard]] wire::ChainVerdict judge_chain(const Anchors& anchors, const wire::ChainQuery& query, std::time_t now);

}  // namespace tlspool::trust
