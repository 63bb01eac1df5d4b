// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <map>

#include "tls/openssl.h"
#include "wire/revocation_setup.h"

namespace tlspool::worker {

/// The OCSP responses that the judge has for the pool's own certificates.
class Staples {
 public:
  void take(wire::Staple staple);
  /// For the certificate that the server `ssl` shows; false where none is in date.
  [[nodiscard]] bool put_beside_certificate(SSL* ssl) const;

 private:
  std::map<Bytes, wire::Staple> by_leaf_;
};

}  // namespace tlspool::worker
