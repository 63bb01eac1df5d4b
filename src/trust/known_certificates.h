// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <list>
#include <string>
#include <unordered_map>

#include "base/bytes.h"
#include "base/error.h"
#include "tls/openssl.h"

namespace tlspool::trust {

/// Certificates that were read lately. OpenSSL 3.0 takes longer to find out which decoder reads a public key than to check a signature
/// with it, and the same peers and authorities come again and again. Nothing is concluded from a certificate's being here.
class KnownCertificates {
 public:
  static constexpr std::size_t most = 8192;
  static constexpr std::size_t largest = 16 * 1024;  ///< larger ones are read each time

  /// Error: Code::certificate where `der` is no certificate; that is not remembered.
  [[nodiscard]] Result<tls::Certificate> read(ByteView der);
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::string der;
    tls::Certificate certificate;
  };
  std::list<Entry> entries_;  ///< the one that was read last first
  std::unordered_map<std::string_view, std::list<Entry>::iterator> by_der_;
};

}  // namespace tlspool::trust
