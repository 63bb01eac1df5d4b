// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"

namespace tlspool::cli {

/// What people want to know of a certificate.
struct CertificateFacts {
  std::string subject;
  std::string issuer;
  std::vector<std::string> names;  ///< subject alternative names
  std::string key;                 ///< "p256", "rsa2048", as `identity new --key` takes it
  std::int64_t not_before = 0;     ///< seconds since 1970
  std::int64_t not_after = 0;
  std::string sha256;              ///< fingerprint, hex
};
[[nodiscard]] Result<CertificateFacts> facts_of(ByteView der);
/// Several lines for people.
[[nodiscard]] std::string describe(const CertificateFacts& facts);

/// Every certificate of a PEM file.
[[nodiscard]] Result<std::vector<Bytes>> read_chain(const std::string& path);

}  // namespace tlspool::cli
