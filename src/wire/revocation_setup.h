// SPDX-License-Identifier: Apache-2.0
// The configuration's [revocation] table as it goes to the judge, and what is stapled to the pool's own certificates.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "wire/codec.h"

namespace tlspool::wire {

/// Who is asked about the certificates of one issuer, whatever these say.
struct ResponderSetup {
  std::string issuer;  ///< its subject as the pool writes it (RFC 2253); empty: every issuer
  std::string url;
};
template <class Io> void fields(Io& io, ResponderSetup& m) { io(m.issuer, m.url); }

struct RevocationSetup {
  std::vector<std::string> crl_files;   ///< as JudgeSetup::anchor_files; whole lists and delta lists
  std::vector<std::string> crl_urls;
  std::vector<std::string> delta_urls;
  std::vector<ResponderSetup> responders;
  bool distribution_points = false;     ///< lists are fetched from where certificates name them
  bool aia = false;                     ///< responders are asked that certificates name
  bool nonce = false;                   ///< responders must answer this very request, if they know nonces
  bool staple = true;                   ///< responses are fetched for the pool's own certificates
  std::uint32_t deadline_ms = 5000;     ///< of one request
  std::uint32_t list_bytes = 32 << 20;  ///< a larger list is refused
  std::uint32_t answer_age = 7 * 24 * 60 * 60;  ///< seconds: an older OCSP response counts for nothing
};
template <class Io> void fields(Io& io, RevocationSetup& m) {
  io(m.crl_files, m.crl_urls, m.delta_urls, m.responders, m.distribution_points, m.aia, m.nonce, m.staple, m.deadline_ms, m.list_bytes,
     m.answer_age);
}

/// A certificate with which the pool is a server.
struct OwnCertificate {
  std::string identity;
  std::vector<Bytes> chain;  ///< DER, leaf first
};
template <class Io> void fields(Io& io, OwnCertificate& m) { io(m.identity, m.chain); }
struct OwnCertificates {
  std::vector<OwnCertificate> certificates;
};
template <class Io> void fields(Io& io, OwnCertificates& m) { io(m.certificates); }

/// What goes with one of them on the wire.
struct Staple {
  Bytes leaf;                    ///< SHA-256 of its DER
  Bytes response;                ///< OCSP response (DER); empty: there is none, or no longer
  std::int64_t valid_until = 0;  ///< seconds since 1970
};
template <class Io> void fields(Io& io, Staple& m) { io(m.leaf, m.response, m.valid_until); }

}  // namespace tlspool::wire
