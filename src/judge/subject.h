// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "tls/openssl.h"
#include "trust/anchors.h"
#include "trust/path.h"
#include "wire/judge.h"

namespace tlspool::judge {

/// What a question says, read once. Every check that is under way shares it.
struct Subject {
  wire::ChainQuery query;
  std::vector<tls::Certificate> certificates;  ///< leaf first; none where a shared key proves the peer
  std::vector<std::string> names;              ///< every SAN of the leaf: DNS, user@domain, IP, URI
  std::string identity;                        ///< whom it is about: what was expected, or the first of `names`
  std::time_t now = 0;
  trust::Path path;                            ///< to a trust anchor, leaf first; no certificates: there is none
  std::shared_ptr<const trust::Anchors> anchors;

  [[nodiscard]] X509* leaf() const { return certificates.empty() ? nullptr : certificates.front().get(); }
};
using SubjectPtr = std::shared_ptr<const Subject>;

}  // namespace tlspool::judge
