// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>

namespace tlspool::tls {

/// Name of an alert description as RFC 8446 section 6 writes it: "unknown_ca"; "alert_200" for an unknown one.
[[nodiscard]] std::string alert_name(int description);
/// IANA name of a SignatureScheme as RFC 8446 section 4.2.3 writes it; empty for one we do not know.
[[nodiscard]] std::string signature_scheme_name(int nid_of_key, int nid_of_digest);

}  // namespace tlspool::tls
