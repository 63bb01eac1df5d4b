// SPDX-License-Identifier: Apache-2.0
#include "trust/known_certificates.h"

namespace tlspool::trust {
namespace {

tls::Certificate another(const tls::Certificate& certificate) {
  X509_up_ref(certificate.get());
  return tls::Certificate{certificate.get()};
}

}  // namespace

Result<tls::Certificate> KnownCertificates::read(ByteView der) {
  const auto found = by_der_.find(text_of(der));
  if (found != by_der_.end()) {
    entries_.splice(entries_.begin(), entries_, found->second);
    return another(entries_.front().certificate);
  }
  auto certificate = tls::certificate_from_der(der);
  if (!certificate || der.size() > largest) return certificate;
  entries_.push_front({std::string(text_of(der)), another(*certificate)});
  by_der_.emplace(entries_.front().der, entries_.begin());
  if (entries_.size() > most) {
    by_der_.erase(entries_.back().der);
    entries_.pop_back();
  }
  return certificate;
}

}  // namespace tlspool::trust
