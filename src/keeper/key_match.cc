// SPDX-License-Identifier: Apache-2.0
#include "keeper/key_match.h"

#include <openssl/rsa.h>

#include "tls/openssl.h"

namespace tlspool::keeper {
namespace {
using DigestContext = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>>;
}

bool signature_is_good(EVP_PKEY* key, std::uint16_t scheme, ByteView input, ByteView signature) {
  const bool pss = scheme >= 0x0804 && scheme <= 0x0806;
  const unsigned which = pss ? scheme - 0x0804U : (scheme >> 8) - 4U;
  const char* digest = scheme == 0x0807 ? nullptr : which == 0 ? "SHA256" : which == 1 ? "SHA384" : "SHA512";
  const DigestContext context{EVP_MD_CTX_new()};
  EVP_PKEY_CTX* parameters = nullptr;
  if (EVP_DigestVerifyInit_ex(context.get(), &parameters, digest, nullptr, nullptr, key, nullptr) != 1) return false;
  if (pss && (EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) != 1 ||
              EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, RSA_PSS_SALTLEN_DIGEST) != 1)) {
    return false;
  }
  return EVP_DigestVerify(context.get(), signature.data(), signature.size(), input.data(), input.size()) == 1;
}

Status prove_key(const Session& session, const PrivateKey& key, EVP_PKEY* public_key, const Secret& pin) {
  const std::string shape = std::string(64, ' ') + "TLS 1.3, server CertificateVerify" + std::string(1 + 32, '\0');
  const ByteView text = view(shape);
  const std::uint16_t scheme = usual_scheme(key.type);
  auto signature = sign_text(session, key, scheme, text, pin);
  if (!signature) return fail(std::move(signature.error().error));
  if (signature_is_good(public_key, scheme, text, *signature)) return {};
  return fail({Code::certificate, "C_Sign", session.subject(), "the signature does not verify with the public key", {}});
}

Status match_key(const Session& session, const PrivateKey& key, ByteView leaf, const Secret& pin,
                 const std::string& uri) {
  auto certificate = tls::certificate_from_der(leaf);
  if (!certificate) return fail(std::move(certificate.error()));
  EVP_PKEY* wanted = X509_get0_pubkey(certificate->get());
  if (key.public_key) {
    if (EVP_PKEY_eq(wanted, key.public_key.get()) == 1) return {};
  } else if (auto proved = prove_key(session, key, wanted, pin); proved || proved.error().code != Code::certificate) {
    return proved;
  }
  return fail({Code::certificate, "match certificate and key", uri,
               "the certificate of " + tls::subject_of(certificate->get()) + " is of another key",
               "name the chain that was issued for this key"});
}

}  // namespace tlspool::keeper
