// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/handle.h"
#include "tls/openssl.h"

namespace tlspool::trust {

/// Debian's bundle, which `[trust] system` means; update-ca-certificates(8) replaces it.
inline constexpr const char* system_bundle = "/etc/ssl/certs/ca-certificates.crt";

using Store = std::unique_ptr<X509_STORE, Freed<X509_STORE_free>>;

/// The certificates from which trust starts. Empty at first: then every chain is refused.
class Anchors {
 public:
  Anchors();
  /// Adds every certificate of a PEM text, or none of them where one is malformed. `subject` names the text
  /// in errors, such as a path. Returns how many were new.
  [[nodiscard]] Result<std::uint32_t> add_pem(std::string_view pem, const std::string& subject);
  [[nodiscard]] std::uint32_t count() const { return count_; }
  /// Borrowed; null only when memory ran out.
  [[nodiscard]] X509_STORE* store() const { return store_.get(); }

 private:
  Store store_;
  std::uint32_t count_ = 0;
};

}  // namespace tlspool::trust
