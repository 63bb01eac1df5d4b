// SPDX-License-Identifier: Apache-2.0
#include "trust/chain.h"

#include <fmt/format.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "trust/cost.h"
#include "trust/names.h"
#include "trust/ocsp.h"
#include "trust/revocation_facts.h"

namespace tlspool::trust {
namespace {

using Verdict = wire::ChainVerdict;

Verdict refused(std::string check, std::string reason, std::int32_t error, std::string certificate = {}) {
  Verdict v;
  v.check = std::move(check);
  v.reason = std::move(reason);
  v.certificate = std::move(certificate);
  v.x509_error = error;
  return v;
}

Verdict refused(const NoPath& why) { return refused(why.check, why.reason, why.x509_error, why.certificate); }

std::optional<Verdict> refuse_size(const wire::ChainQuery& query) {
  if (query.chain.empty()) {
    return refused("chain", "the peer sent no certificate; it must prove its identity with one",
                   X509_V_ERR_APPLICATION_VERIFICATION);
  }
  std::size_t bytes = 0;
  for (const Bytes& der : query.chain) bytes += der.size();
  if (query.chain.size() > max_certificates || bytes > max_chain_bytes) {
    return refused("chain",
                   fmt::format("the peer sent {} certificates of {} bytes; at most {} and {} bytes are looked at: it "
                               "should send its own certificate and its intermediate ones only",
                               query.chain.size(), bytes, max_certificates, max_chain_bytes),
                   X509_V_ERR_CERT_CHAIN_TOO_LONG);
  }
  return std::nullopt;
}

Result<std::vector<tls::Certificate>> parse(KnownCertificates& known, const std::vector<Bytes>& chain) {
  std::vector<tls::Certificate> out;
  for (const Bytes& der : chain) {
    auto certificate = known.read(der);
    if (!certificate) {
      certificate.error().subject = fmt::format("certificate {} of {}", out.size() + 1, chain.size());
      return fail(std::move(certificate.error()));
    }
    out.push_back(std::move(*certificate));
  }
  return out;
}

bool leads_nowhere(int error) {
  return error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY || error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT ||
         error == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT || error == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ||
         error == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE || error == X509_V_ERR_CERT_UNTRUSTED;
}

// A key exchange's ways to do without an anchor. OpenSSL stopped at the missing anchor: the leaf's own dates and key are still
// to be looked at.
Verdict judge_alone(X509* leaf, const wire::ChainQuery& query, std::time_t now, Verdict refusal) {
  const std::string subject = tls::subject_of(leaf);
  if (!query.pin.empty() && tls::spki_digest(leaf) != query.pin) {
    return refused("pin", "the key is not the one that was pinned for this name, and no trust anchor vouches for it: somebody may be in the middle, "
                          "or the other side has a new key; ask by another way, and then remove the pin",
                   X509_V_ERR_CERT_REJECTED, subject);
  }
  if (query.pin.empty() && !query.first_contact) return refusal;
  if (X509_cmp_time(X509_get0_notBefore(leaf), &now) >= 0 || X509_cmp_time(X509_get0_notAfter(leaf), &now) <= 0) {
    return refused("validity", "the certificate is not valid at this time", X509_V_ERR_CERT_HAS_EXPIRED, subject);
  }
  if (EVP_PKEY_get_security_bits(X509_get0_pubkey(leaf)) < 112) {
    return refused("key-size", "the certificate's key is too weak", X509_V_ERR_EE_KEY_TOO_SMALL, subject);
  }
  Verdict v;
  v.accepted = true;
  v.how = query.pin.empty() ? "firstContact" : "pin";
  v.valid_until = seconds_of(X509_get0_notAfter(leaf));
  return v;
}

FoundPath path_to_anchor(const Anchors& anchors, const wire::ChainQuery& query, const std::vector<tls::Certificate>& certificates, std::time_t now) {
  if (anchors.count() == 0 || anchors.store() == nullptr) {
    return tl::unexpected(NoPath{"chain", "this pool trusts no CA at all; set system = true or name anchors under [trust] in tlspool.toml", "",
                                 X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY});
  }
  std::vector<X509*> others;
  for (std::size_t i = 1; i < certificates.size(); ++i) others.push_back(certificates[i].get());
  return find_path(anchors.store(), certificates.front().get(), others, {query.peer_is_server, query.any_usage, now});
}

// RFC 7633: the authority has issued the certificate for servers that staple, so that who steals its key can't hide that it is revoked.
std::optional<NoPath> refuse_unstapled(const Path& path, const wire::ChainQuery& query, std::time_t now) {
  X509* leaf = path.certificates.front().get();
  if (!query.peer_is_server || !query.connection.known || path.certificates.size() < 2 || !must_staple(leaf)) return std::nullopt;
  std::string problem = "the server stapled none";
  if (!query.connection.stapled.empty()) {
    const auto answer = read_ocsp_response(query.connection.stapled, leaf, path.certificates[1].get(), {.now = now});
    if (answer && answer->status == OcspAnswer::Status::good) return std::nullopt;
    problem = !answer                                               ? answer.error().reason
              : answer->status == OcspAnswer::Status::revoked ? "it says that the certificate is revoked"
                                                                    : "its responder does not know the certificate";
  }
  return NoPath{"stapled",
                "the certificate " + tls::subject_of(leaf) + " counts only with an OCSP response that is stapled to it (TLS feature): " + problem,
                tls::subject_of(leaf), X509_V_ERR_OCSP_VERIFY_FAILED};
}

}  // namespace

tl::expected<Presented, Verdict> present(const Anchors& anchors, KnownCertificates& known, const wire::ChainQuery& query, std::time_t now) {
  if (auto too_much = refuse_size(query)) return tl::unexpected(*std::move(too_much));
  auto certificates = parse(known, query.chain);
  if (!certificates) {
    const Error& e = certificates.error();
    return tl::unexpected(refused("chain", fmt::format("{} is malformed ({}); the peer must send X.509 certificates in DER", e.subject, e.reason),
                                  X509_V_ERR_CERT_REJECTED, e.subject));
  }
  const X509* leaf = certificates->front().get();
  if (too_complex(*certificates)) {
    return tl::unexpected(refused("chain", "the chain has too many names and name constraints to check, or a key above 8192 bits; "
                                           "it must be issued again with less",
                                  X509_V_ERR_CERT_REJECTED, tls::subject_of(leaf)));
  }
  FoundPath path = path_to_anchor(anchors, query, *certificates, now);
  if (path) {
    if (auto unstapled = refuse_unstapled(*path, query, now)) path = tl::unexpected(*std::move(unstapled));
  }
  std::vector<std::string> names = tls::alternative_names(leaf);
  return Presented{std::move(*certificates), std::move(names), std::move(path)};
}

std::optional<NoPath> refuse_name(const Presented& presented, const std::string& expected) {
  X509* leaf = presented.leaf();
  if (!expected.empty()) {
    const auto named = check_name(leaf, expected);
    if (named) return std::nullopt;
    return NoPath{"name", named.error().reason + "; " + named.error().advice, tls::subject_of(leaf), X509_V_ERR_HOSTNAME_MISMATCH};
  }
  if (!presented.names.empty()) return std::nullopt;
  return NoPath{"name",
                "the peer's certificate " + tls::subject_of(leaf) +
                    " has no subject alternative name, so it proves no identity (the subject's CN does not count); "
                    "it must be issued again with one",
                tls::subject_of(leaf), X509_V_ERR_HOSTNAME_MISMATCH};
}

Verdict judge_presented(const Presented& presented, const wire::ChainQuery& query, std::time_t now) {
  Verdict v;
  if (presented.path) {
    v.how = "chain";
    v.anchor = tls::subject_of(presented.path->certificates.back().get());
    v.valid_until = presented.path->valid_until;
  } else {
    const NoPath& why = presented.path.error();
    if (!leads_nowhere(why.x509_error)) return refused(why);
    v = judge_alone(presented.leaf(), query, now, refused(why));
    if (!v.accepted) return v;
    v.accepted = false;
  }
  if (const auto why = refuse_name(presented, query.expected)) return refused(*why);
  v.identity = query.expected.empty() ? presented.names.front() : query.expected;
  v.names = presented.names;
  v.accepted = true;
  return v;
}

Verdict judge_chain(const Anchors& anchors, const wire::ChainQuery& query, std::time_t now) {
  KnownCertificates none;
  const auto presented = present(anchors, none, query, now);
  return presented ? judge_presented(*presented, query, now) : presented.error();
}

}  // namespace tlspool::trust
