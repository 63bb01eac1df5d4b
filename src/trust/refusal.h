// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "tls/openssl.h"

namespace tlspool::trust {

/// What OpenSSL found wrong and where.
struct Finding {
  int error = 0;                 ///< X509_V_ERR_*
  int depth = 0;                 ///< 0: the leaf
  const X509* certificate = nullptr;  ///< borrowed; may be null
  bool peer_is_server = true;
};

/// The refusal in words: which check said no, and what is wrong with which certificate and what to do.
struct Refusal {
  std::string check;   ///< "chain", "name", "purpose", "validity", "key-size"
  std::string reason;
};
[[nodiscard]] Refusal explain(const Finding& finding);

/// "2026-11-21 02:40:45 UTC"; empty where the time can't be read.
[[nodiscard]] std::string time_text(const ASN1_TIME* time);

}  // namespace tlspool::trust
