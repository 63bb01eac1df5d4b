// SPDX-License-Identifier: Apache-2.0
#include "worker/staples.h"

#include <openssl/sha.h>

#include <algorithm>
#include <ctime>

namespace tlspool::worker {

void Staples::take(wire::Staple staple) {
  if (staple.response.empty()) {
    by_leaf_.erase(staple.leaf);
  } else {
    by_leaf_[staple.leaf] = std::move(staple);
  }
}

bool Staples::put_beside_certificate(SSL* ssl) const {
  X509* leaf = SSL_get_certificate(ssl);
  if (by_leaf_.empty() || leaf == nullptr) return false;
  Bytes digest(SHA256_DIGEST_LENGTH);
  unsigned size = 0;
  if (X509_digest(leaf, EVP_sha256(), digest.data(), &size) != 1) return false;
  const auto found = by_leaf_.find(digest);
  if (found == by_leaf_.end() || found->second.valid_until <= std::time(nullptr)) return false;
  const Bytes& response = found->second.response;
  auto* copy = static_cast<unsigned char*>(OPENSSL_malloc(response.size()));
  if (copy == nullptr) return false;
  std::ranges::copy(response, copy);
  // It frees what it is given.
  return SSL_set_tlsext_status_ocsp_resp(ssl, copy, static_cast<long>(response.size())) == 1;
}

}  // namespace tlspool::worker
