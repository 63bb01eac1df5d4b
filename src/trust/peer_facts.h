// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

#include "base/bytes.h"
#include "tls/openssl.h"
#include "wire/codec.h"

namespace tlspool::trust {

/// What is known of a certificate when it itself is not there any more.
struct LeafFacts {
  Bytes key;           ///< SHA-256 of its SubjectPublicKeyInfo; empty: there is no certificate
  Bytes serial;        ///< without leading zeros
  std::string issuer;  ///< RFC 2253, printable
};
template <class Io> void fields(Io& io, LeafFacts& m) { io(m.key, m.serial, m.issuer); }

/// By what a peer may be known.
struct PeerFacts {
  std::vector<std::string> names;  ///< the identity, and every SAN of the leaf
  LeafFacts leaf;
};

[[nodiscard]] LeafFacts facts_of(const X509* leaf);

}  // namespace tlspool::trust
