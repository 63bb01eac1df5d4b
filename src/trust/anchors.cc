// SPDX-License-Identifier: Apache-2.0
#include "trust/anchors.h"

#include <openssl/x509_vfy.h>

#include <vector>

namespace tlspool::trust {
namespace {

std::uint32_t size_of(X509_STORE* store) {
  return static_cast<std::uint32_t>(sk_X509_OBJECT_num(X509_STORE_get0_objects(store)));
}

}  // namespace

Anchors::Anchors() : store_(X509_STORE_new()) {}

Result<std::uint32_t> Anchors::add_pem(std::string_view pem, const std::string& subject) {
  if (!store_) return fail({Code::internal, "read trust anchors", subject, "out of memory", {}});
  auto list = tls::chain_from_pem(pem, subject);
  if (!list) {
    Error e = std::move(list.error());
    e.operation = "read trust anchors";
    e.advice = "the file must hold CA certificates in PEM, and nothing that is broken";
    return fail(std::move(e));
  }
  std::vector<tls::Certificate> certificates;
  for (const Bytes& der : *list) {
    auto certificate = tls::certificate_from_der(der);
    if (!certificate) return fail(std::move(certificate.error()));
    certificates.push_back(std::move(*certificate));
  }
  for (const tls::Certificate& certificate : certificates) {
    if (X509_STORE_add_cert(store_.get(), certificate.get()) != 1) {
      return fail(tls::openssl_error(Code::internal, "X509_STORE_add_cert", subject));
    }
  }
  const std::uint32_t before = count_;
  count_ = size_of(store_.get());  // The store keeps one of each: bundles overlap.
  return count_ - before;
}

}  // namespace tlspool::trust
