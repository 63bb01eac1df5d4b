// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>

#include "tls/openssl.h"

namespace tlspool::judge {

/// Another owner of the same certificate.
[[nodiscard]] inline std::shared_ptr<X509> shared(X509* certificate) {
  X509_up_ref(certificate);
  return {certificate, X509_free};
}

}  // namespace tlspool::judge
