// SPDX-License-Identifier: Apache-2.0
// What certificates say of their revocation, and what counts as a signature on what is said of it.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "tls/openssl.h"

namespace tlspool::trust {

/// A clock may be a little wrong, here or at who signs lists and answers; seconds.
inline constexpr std::int64_t clock_skew = 300;

/// Empty where a signature by `algorithm` counts: its digest has 112 bits of security or more. Else what is wrong with it.
[[nodiscard]] std::string weakness_of(const X509_ALGOR* algorithm);

/// Whether `certificate` has the TLS feature "status_request" (RFC 7633): its server promises to staple an OCSP response.
[[nodiscard]] bool must_staple(const X509* certificate);

/// The http and https names among `names`, each once: eight of at most 1024 characters in all.
void add_web_uris(const GENERAL_NAMES* names, std::vector<std::string>& out);
/// Where the certificate says that something is to be had over HTTP, in its order, each once.
[[nodiscard]] std::vector<std::string> ocsp_urls(const X509* certificate);
/// Lists that name all certificates of the issuer, with every reason; others are of no use.
[[nodiscard]] std::vector<std::string> crl_urls(const X509* certificate);
/// Delta lists (freshest CRL).
[[nodiscard]] std::vector<std::string> delta_urls(const X509* certificate);

}  // namespace tlspool::trust
