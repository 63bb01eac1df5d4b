// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <ctime>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/handle.h"
#include "tls/openssl.h"

namespace tlspool::test {

using Key = std::shared_ptr<EVP_PKEY>;
inline Key owned(EVP_PKEY* key) { return {key, EVP_PKEY_free}; }
inline Key p256() { return owned(EVP_EC_gen("P-256")); }
inline Key rsa(unsigned bits) { return owned(EVP_RSA_gen(static_cast<std::size_t>(bits))); }
inline Key ed25519() { return owned(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")); }

/// A certificate and its key.
struct Party {
  std::shared_ptr<X509> certificate;
  Key key;
  [[nodiscard]] Bytes der() const { return tls::der_of(certificate.get()); }
  [[nodiscard]] std::string pem() const {
    tls::BioPtr bio{BIO_new(BIO_s_mem())};
    PEM_write_bio_X509(bio.get(), certificate.get());
    char* text = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &text);
    return {text, static_cast<std::size_t>(size)};
  }
};

inline constexpr std::time_t day = 24 * 60 * 60;
/// What to issue; the defaults are a good leaf without names.
struct Spec {
  std::string cn = "leaf";
  std::string san;         ///< X509V3 syntax: "DNS:a.example,IP:::1"; empty: none
  std::string basic = "critical,CA:FALSE";
  std::string usage;       ///< extended key usage: "serverAuth"
  std::string key_usage;
  std::string constraints; ///< name constraints: "permitted;DNS:.example"
  long from = -day;        ///< seconds from now
  long until = 30 * day;
  const EVP_MD* digest = EVP_sha256();
  Key key = p256();
  std::vector<std::pair<int, std::string>> more;  ///< further extensions: {NID_tlsfeature, "status_request"}
};
inline Spec ca_spec(std::string cn) {
  Spec s;
  s.cn = std::move(cn);
  s.basic = "critical,CA:TRUE";
  s.key_usage = "critical,keyCertSign,cRLSign";
  s.until = 3650 * day;
  return s;
}

inline void add_extension(X509* certificate, int nid, const std::string& value) {
  if (value.empty()) return;
  X509V3_CTX context;
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>> e{X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str())};
  if (!e) std::abort();
  X509_add_ext(certificate, e.get(), -1);
}

/// `issuer` null: self-signed.
inline Party issue(const Spec& spec, const Party* issuer = nullptr) {
  static long serial = 1;
  Party out{{X509_new(), X509_free}, spec.key};
  X509* c = out.certificate.get();
  X509_set_version(c, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(c), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(c), spec.from);
  X509_time_adj_ex(X509_getm_notAfter(c), static_cast<int>(spec.until / day), spec.until % day, nullptr);
  X509_NAME* subject = X509_get_subject_name(c);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(spec.cn.c_str()), -1, -1, 0);
  X509_set_issuer_name(c, issuer != nullptr ? X509_get_subject_name(issuer->certificate.get()) : subject);
  X509_set_pubkey(c, spec.key.get());
  add_extension(c, NID_basic_constraints, spec.basic);
  add_extension(c, NID_key_usage, spec.key_usage);
  add_extension(c, NID_ext_key_usage, spec.usage);
  add_extension(c, NID_subject_alt_name, spec.san);
  add_extension(c, NID_name_constraints, spec.constraints);
  for (const auto& [nid, value] : spec.more) add_extension(c, nid, value);
  EVP_PKEY* signer = (issuer != nullptr ? issuer->key : spec.key).get();
  const bool own_digest = EVP_PKEY_get_base_id(signer) == EVP_PKEY_ED25519;
  if (X509_sign(c, signer, own_digest ? nullptr : spec.digest) == 0) std::abort();
  return out;
}

}  // namespace tlspool::test
