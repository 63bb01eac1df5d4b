// SPDX-License-Identifier: Apache-2.0
#include "trust/refusal.h"

#include <fmt/format.h>
#include <openssl/x509_vfy.h>

#include <array>
#include <ctime>

#include "base/text.h"

namespace tlspool::trust {
namespace {

std::string name_text(const X509_NAME* name) {
  tls::BioPtr bio{BIO_new(BIO_s_mem())};
  if (!bio || name == nullptr || X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253) < 0) return "(unreadable)";
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return size > 0 ? printable({text, static_cast<std::size_t>(size)}) : "(empty name)";
}

std::string subject(const Finding& f) {
  return f.certificate != nullptr ? name_text(X509_get_subject_name(f.certificate)) : "(unknown)";
}

std::string whose(const Finding& f) {
  return (f.depth == 0 ? "the peer's certificate " : "the CA certificate ") + subject(f);
}

std::string issuer(const Finding& f) {
  return f.certificate != nullptr ? name_text(X509_get_issuer_name(f.certificate)) : "(unknown)";
}

std::string date_text(const Finding& f, const ASN1_TIME* (*get)(const X509*)) {
  const std::string text = f.certificate != nullptr ? time_text(get(f.certificate)) : "";
  return text.empty() ? "(unreadable date)" : text;
}

std::string key_text(const X509* certificate) {
  const EVP_PKEY* key = certificate != nullptr ? X509_get0_pubkey(certificate) : nullptr;
  if (key == nullptr) return "a key that can't be read";
  const char* type = EVP_PKEY_get0_type_name(key);
  return fmt::format("a {} key of {} bits", type != nullptr ? type : "", EVP_PKEY_get_bits(key));
}

std::string digest_text(const X509* certificate) {
  int digest = NID_undef;
  if (certificate == nullptr || X509_get_signature_info(const_cast<X509*>(certificate), &digest, nullptr, nullptr,
                                                        nullptr) != 1) {
    return "a weak digest";
  }
  const char* name = OBJ_nid2sn(digest);
  return name != nullptr ? name : "a weak digest";
}

constexpr const char* add_anchor =
    "if you trust it, add the CA's certificate to a file under [trust] anchors in tlspool.toml";

Refusal unknown_issuer(const Finding& f) {
  return {"chain", fmt::format("{} was issued by {}, which is not a trusted CA here, and the peer sent no "
                               "certificate that leads to one; {}, or let the peer send its intermediate certificates",
                               whose(f), issuer(f), add_anchor)};
}

Refusal wrong_purpose(const Finding& f) {
  const char* use = f.peer_is_server ? "TLS servers" : "TLS clients";
  const char* word = f.peer_is_server ? "serverAuth" : "clientAuth";
  return {"purpose", fmt::format("{} is not meant for {}; it needs one whose extended key usage has {} and whose key "
                                 "usage lets it sign",
                                 whose(f), use, word)};
}

}  // namespace

std::string time_text(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return {};
  std::array<char, 32> out{};
  return {out.data(), std::strftime(out.data(), out.size(), "%Y-%m-%d %H:%M:%S UTC", &parts)};
}

Refusal explain(const Finding& f) {
  switch (f.error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return {"validity", fmt::format("{} expired on {}; it must be renewed (or check this machine's clock)", whose(f),
                                      date_text(f, X509_get0_notAfter))};
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return {"validity", fmt::format("{} is not valid before {}; wait, renew it, or check this machine's clock",
                                      whose(f), date_text(f, X509_get0_notBefore))};
    case X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD:
    case X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD:
      return {"validity", whose(f) + " has a date that can't be read; it must be issued again"};
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return {"chain", fmt::format("{} is self-signed and not trusted here; use one that a CA issued, or, if you trust "
                                   "it, add it to a file under [trust] anchors in tlspool.toml",
                                   whose(f))};
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return {"chain", fmt::format("the chain ends in {}, a self-signed CA that is not trusted here; {}", subject(f),
                                   add_anchor)};
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_UNTRUSTED:
      return unknown_issuer(f);
    case X509_V_ERR_INVALID_PURPOSE:
      return wrong_purpose(f);
    case X509_V_ERR_INVALID_CA:
      return {"purpose", whose(f) + " issued another one but is not a CA (basicConstraints CA:TRUE and keyCertSign are "
                                    "missing); the chain must be issued again by a real CA"};
    case X509_V_ERR_PATH_LENGTH_EXCEEDED:
    case X509_V_ERR_CERT_CHAIN_TOO_LONG:
      return {"chain", "the chain is longer than " + whose(f) + " allows; it needs fewer intermediate CAs"};
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_CA_KEY_TOO_SMALL:
      return {"key-size", fmt::format("{} has {}, which is too small; RSA needs 2048 bits or more, elliptic curves 224 "
                                      "or more: issue it again with a larger key",
                                      whose(f), key_text(f.certificate))};
    case X509_V_ERR_CA_MD_TOO_WEAK:
      return {"chain", fmt::format("{} is signed with {}, which can be forged; issue it again with SHA-256 or better",
                                   whose(f), digest_text(f.certificate))};
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE:
    case X509_V_ERR_SIGNATURE_ALGORITHM_MISMATCH:
      return {"chain", fmt::format("the signature on {} is wrong: {} did not issue it, or it was altered; get it from its "
                                   "CA again, and check that the chain's CA certificates are the current ones",
                                   whose(f), issuer(f))};
    case X509_V_ERR_PERMITTED_VIOLATION:
    case X509_V_ERR_EXCLUDED_VIOLATION:
      return {"name", whose(f) + " has a name that the name constraints of a CA above it forbid; use another CA"};
    default:
      return {"chain", fmt::format("{}: {}; it must be issued again", whose(f), X509_verify_cert_error_string(f.error))};
  }
}

}  // namespace tlspool::trust
