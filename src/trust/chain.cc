// SPDX-License-Identifier: Apache-2.0
#include "trust/chain.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "trust/cost.h"
#include "trust/names.h"
#include "trust/refusal.h"

namespace tlspool::trust {
namespace {

using StoreContext = std::unique_ptr<X509_STORE_CTX, Freed<X509_STORE_CTX_free>>;
// Borrows its certificates.
using Stack = std::unique_ptr<STACK_OF(X509), Freed<[](STACK_OF(X509) * s) { sk_X509_free(s); }>>;

// 112 bits: RSA from 2048, curves from 224, no MD5 and no SHA-1 (X509_VERIFY_PARAM_set_auth_level(3)).
constexpr int security_level = 2;

using Verdict = wire::ChainVerdict;

Verdict refused(std::string check, std::string reason, std::int32_t error, std::string certificate = {}) {
  Verdict v;
  v.check = std::move(check);
  v.reason = std::move(reason);
  v.certificate = std::move(certificate);
  v.x509_error = error;
  return v;
}

Verdict defect(const char* what) {
  const Error e = tls::openssl_error(Code::internal, what, "");
  return refused("chain", "the chain could not be checked (" + e.text() + "); this is no fault of the peer",
                 X509_V_ERR_UNSPECIFIED);
}

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

Result<std::vector<tls::Certificate>> parse(const std::vector<Bytes>& chain) {
  std::vector<tls::Certificate> out;
  for (const Bytes& der : chain) {
    auto certificate = tls::certificate_from_der(der);
    if (!certificate) {
      certificate.error().subject = fmt::format("certificate {} of {}", out.size() + 1, chain.size());
      return fail(std::move(certificate.error()));
    }
    out.push_back(std::move(*certificate));
  }
  return out;
}

bool prepare(X509_STORE_CTX* context, const wire::ChainQuery& query, std::time_t now) {
  X509_VERIFY_PARAM* param = X509_STORE_CTX_get0_param(context);
  X509_VERIFY_PARAM_set_auth_level(param, security_level);
  X509_VERIFY_PARAM_set_depth(param, static_cast<int>(max_certificates));
  X509_VERIFY_PARAM_set_time(param, now);
  if (query.any_usage) return true;
  const int purpose = query.peer_is_server ? X509_PURPOSE_SSL_SERVER : X509_PURPOSE_SSL_CLIENT;
  return X509_STORE_CTX_set_purpose(context, purpose) == 1;
}

std::int64_t seconds(const ASN1_TIME* time) {
  std::tm parts{};
  return ASN1_TIME_to_tm(time, &parts) == 1 ? static_cast<std::int64_t>(timegm(&parts)) : 0;
}

std::int64_t earliest_end(STACK_OF(X509) * chain) {
  std::int64_t end = seconds(X509_get0_notAfter(sk_X509_value(chain, 0)));
  for (int i = 1; i < sk_X509_num(chain); ++i) end = std::min(end, seconds(X509_get0_notAfter(sk_X509_value(chain, i))));
  return end;
}

Verdict refused_by_openssl(X509_STORE_CTX* context, const wire::ChainQuery& query) {
  // X509_verify_cert may fail without an error of its own, as when memory runs out.
  const int error = X509_STORE_CTX_get_error(context);
  if (error == X509_V_OK) return defect("X509_verify_cert");
  const Finding finding{error, X509_STORE_CTX_get_error_depth(context), X509_STORE_CTX_get_current_cert(context),
                        query.peer_is_server};
  Refusal why = explain(finding);
  ERR_clear_error();
  return refused(std::move(why.check), std::move(why.reason), error,
                 finding.certificate != nullptr ? tls::subject_of(finding.certificate) : "");
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
  v.valid_until = seconds(X509_get0_notAfter(leaf));
  return v;
}

}  // namespace

Verdict judge_chain(const Anchors& anchors, const wire::ChainQuery& query, std::time_t now) {
  if (auto too_much = refuse_size(query)) return *std::move(too_much);
  const bool alone = query.first_contact || !query.pin.empty();
  if ((anchors.count() == 0 && !alone) || anchors.store() == nullptr) {
    return refused("chain", "this pool trusts no CA at all; set system = true or name anchors under [trust] in "
                            "tlspool.toml",
                   X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
  }
  auto certificates = parse(query.chain);
  if (!certificates) {
    const Error& e = certificates.error();
    return refused("chain", fmt::format("{} is malformed ({}); the peer must send X.509 certificates in DER", e.subject,
                                        e.reason),
                   X509_V_ERR_CERT_REJECTED, e.subject);
  }
  X509* leaf = certificates->front().get();
  if (too_complex(*certificates)) {
    return refused("chain", "the chain has too many names and name constraints to check, or a key above 8192 bits; "
                            "it must be issued again with less",
                   X509_V_ERR_CERT_REJECTED, tls::subject_of(leaf));
  }

  Stack others{sk_X509_new_null()};
  StoreContext context{X509_STORE_CTX_new()};
  if (!others || !context) return defect("X509_STORE_CTX_new");
  for (std::size_t i = 1; i < certificates->size(); ++i) {
    if (sk_X509_push(others.get(), (*certificates)[i].get()) == 0) return defect("sk_X509_push");
  }
  if (X509_STORE_CTX_init(context.get(), anchors.store(), leaf, others.get()) != 1 ||
      !prepare(context.get(), query, now)) {
    return defect("X509_STORE_CTX_init");
  }
  Verdict v;
  if (X509_verify_cert(context.get()) != 1) {
    const int error = X509_STORE_CTX_get_error(context.get());
    v = refused_by_openssl(context.get(), query);
    if (alone && leads_nowhere(error)) v = judge_alone(leaf, query, now, std::move(v));
    if (!v.accepted) return v;
  }

  std::vector<std::string> names = tls::alternative_names(leaf);
  if (!query.expected.empty()) {
    if (auto named = check_name(leaf, query.expected); !named) {
      const Error& e = named.error();
      return refused("name", e.reason + "; " + e.advice, X509_V_ERR_HOSTNAME_MISMATCH, tls::subject_of(leaf));
    }
  } else if (names.empty()) {
    return refused("name",
                   "the peer's certificate " + tls::subject_of(leaf) +
                       " has no subject alternative name, so it proves no identity (the subject's CN does not count); "
                       "it must be issued again with one",
                   X509_V_ERR_HOSTNAME_MISMATCH, tls::subject_of(leaf));
  }

  v.identity = query.expected.empty() ? names.front() : query.expected;
  v.names = std::move(names);
  if (v.accepted) return v;  // without an anchor
  STACK_OF(X509)* path = X509_STORE_CTX_get0_chain(context.get());
  if (path == nullptr || sk_X509_num(path) == 0) return defect("X509_STORE_CTX_get0_chain");
  v.how = "chain";
  v.anchor = tls::subject_of(sk_X509_value(path, sk_X509_num(path) - 1));
  v.valid_until = earliest_end(path);
  v.accepted = true;
  return v;
}

}  // namespace tlspool::trust
