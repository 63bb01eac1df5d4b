// SPDX-License-Identifier: Apache-2.0
// An authority that says what is revoked: lists and OCSP responses, good ones and others.
#pragma once
#include <openssl/ocsp.h>

#include <ctime>
#include <functional>
#include <optional>
#include <vector>

#include "pki.h"

namespace tlspool::test {

struct Revoked {
  const Party* party = nullptr;
  int reason = -1;
};

struct ListSpec {
  std::vector<Revoked> revoked;
  long from = -3600;                  ///< seconds from now
  std::optional<long> until = day;
  int number = 10;                    ///< 0: none
  int base = 0;                       ///< a delta list to this one; 0: a whole one
  std::vector<std::pair<int, std::string>> more;
  const EVP_MD* digest = EVP_sha256();
  std::size_t others = 0;             ///< so many more serial numbers
};

inline void add_number(X509_CRL* crl, int nid, int value, int critical) {
  const std::unique_ptr<ASN1_INTEGER, Freed<ASN1_INTEGER_free>> n{ASN1_INTEGER_new()};
  ASN1_INTEGER_set(n.get(), value);
  X509_CRL_add1_ext_i2d(crl, nid, n.get(), critical, 0);
}

inline void revoke(X509_CRL* crl, const ASN1_INTEGER* serial, int reason) {
  X509_REVOKED* entry = X509_REVOKED_new();
  X509_REVOKED_set_serialNumber(entry, const_cast<ASN1_INTEGER*>(serial));
  const std::unique_ptr<ASN1_TIME, Freed<ASN1_TIME_free>> when{X509_gmtime_adj(nullptr, -1800)};
  X509_REVOKED_set_revocationDate(entry, when.get());
  if (reason >= 0) {
    const std::unique_ptr<ASN1_ENUMERATED, Freed<ASN1_ENUMERATED_free>> r{ASN1_ENUMERATED_new()};
    ASN1_ENUMERATED_set(r.get(), reason);
    X509_REVOKED_add1_ext_i2d(entry, NID_crl_reason, r.get(), 0, 0);
  }
  X509_CRL_add0_revoked(crl, entry);
}

inline Bytes make_list(const Party& issuer, const ListSpec& spec) {
  const std::unique_ptr<X509_CRL, Freed<X509_CRL_free>> crl{X509_CRL_new()};
  X509_CRL_set_version(crl.get(), 1);
  X509_CRL_set_issuer_name(crl.get(), X509_get_subject_name(issuer.certificate.get()));
  const std::unique_ptr<ASN1_TIME, Freed<ASN1_TIME_free>> from{X509_gmtime_adj(nullptr, spec.from)};
  X509_CRL_set1_lastUpdate(crl.get(), from.get());
  if (spec.until) {
    const std::unique_ptr<ASN1_TIME, Freed<ASN1_TIME_free>> until{X509_gmtime_adj(nullptr, *spec.until)};
    X509_CRL_set1_nextUpdate(crl.get(), until.get());
  }
  for (const Revoked& r : spec.revoked) revoke(crl.get(), X509_get0_serialNumber(r.party->certificate.get()), r.reason);
  for (std::size_t i = 0; i < spec.others; ++i) {
    const std::unique_ptr<ASN1_INTEGER, Freed<ASN1_INTEGER_free>> n{ASN1_INTEGER_new()};
    ASN1_INTEGER_set_uint64(n.get(), 0x1000000000000000u + i * 7919);
    revoke(crl.get(), n.get(), -1);
  }
  if (spec.number != 0) add_number(crl.get(), NID_crl_number, spec.number, 0);
  if (spec.base != 0) add_number(crl.get(), NID_delta_crl, spec.base, 1);
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer.certificate.get(), nullptr, nullptr, crl.get(), 0);
  for (const auto& [nid, value] : spec.more) {
    const std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>> e{X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str())};
    if (!e) std::abort();
    X509_CRL_add_ext(crl.get(), e.get(), -1);
  }
  const bool own_digest = EVP_PKEY_get_base_id(issuer.key.get()) == EVP_PKEY_ED25519;
  if (X509_CRL_sign(crl.get(), issuer.key.get(), own_digest ? nullptr : spec.digest) == 0) std::abort();
  unsigned char* raw = nullptr;
  const int size = i2d_X509_CRL(crl.get(), &raw);
  const Bytes out(raw, raw + size);
  OPENSSL_free(raw);
  return out;
}

struct ResponseSpec {
  int status = V_OCSP_CERTSTATUS_GOOD;
  long from = -3600;
  std::optional<long> until = day;
  const Party* signer = nullptr;           ///< null: the issuer
  bool with_certificate = true;            ///< the signer's is in it
  const EVP_MD* digest = EVP_sha256();
  const EVP_MD* names = EVP_sha1();        ///< of the certificate's id
  Bytes request;                           ///< whose nonce is copied
};

inline Bytes make_response(const Party& subject, const Party& issuer, const ResponseSpec& spec = {}) {
  const std::unique_ptr<OCSP_BASICRESP, Freed<OCSP_BASICRESP_free>> basic{OCSP_BASICRESP_new()};
  const std::unique_ptr<OCSP_CERTID, Freed<OCSP_CERTID_free>> id{OCSP_cert_to_id(spec.names, subject.certificate.get(), issuer.certificate.get())};
  const std::unique_ptr<ASN1_TIME, Freed<ASN1_TIME_free>> from{X509_gmtime_adj(nullptr, spec.from)};
  const std::unique_ptr<ASN1_TIME, Freed<ASN1_TIME_free>> until{spec.until ? X509_gmtime_adj(nullptr, *spec.until) : nullptr};
  OCSP_basic_add1_status(basic.get(), id.get(), spec.status, OCSP_REVOKED_STATUS_KEYCOMPROMISE,
                         spec.status == V_OCSP_CERTSTATUS_REVOKED ? from.get() : nullptr, from.get(), until.get());
  if (!spec.request.empty()) {
    const unsigned char* at = spec.request.data();
    const std::unique_ptr<OCSP_REQUEST, Freed<OCSP_REQUEST_free>> request{d2i_OCSP_REQUEST(nullptr, &at, static_cast<long>(spec.request.size()))};
    OCSP_copy_nonce(basic.get(), request.get());
  }
  const Party& signer = spec.signer == nullptr ? issuer : *spec.signer;
  if (OCSP_basic_sign(basic.get(), signer.certificate.get(), signer.key.get(), spec.digest, nullptr, spec.with_certificate ? 0 : OCSP_NOCERTS) != 1) {
    std::abort();
  }
  const std::unique_ptr<OCSP_RESPONSE, Freed<OCSP_RESPONSE_free>> response{OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic.get())};
  unsigned char* raw = nullptr;
  const int size = i2d_OCSP_RESPONSE(response.get(), &raw);
  const Bytes out(raw, raw + size);
  OPENSSL_free(raw);
  return out;
}

/// A certificate that `issuer` charges with signing OCSP responses.
inline Party responder_of(const Party& issuer, const std::string& usage = "OCSPSigning") {
  Spec s;
  s.cn = "responder";
  s.usage = usage;
  s.key_usage = "digitalSignature";
  return issue(s, &issuer);
}

}  // namespace tlspool::test
