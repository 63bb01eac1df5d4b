// SPDX-License-Identifier: Apache-2.0
#include "cli/certificate.h"

#include <fmt/format.h>
#include <openssl/asn1.h>
#include <openssl/evp.h>

#include <array>
#include <ctime>

#include "base/text.h"
#include "cli/output.h"
#include "config/load.h"
#include "tls/openssl.h"

namespace tlspool::cli {
namespace {

std::int64_t seconds_of(const ASN1_TIME* time) {
  std::tm parts{};
  return ASN1_TIME_to_tm(time, &parts) == 1 ? timegm(&parts) : 0;
}

std::string key_of(const X509* certificate) {
  const EVP_PKEY* key = X509_get0_pubkey(certificate);
  if (key == nullptr) return "unknown";
  std::array<char, 32> group{};
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
      return fmt::format("rsa{}", EVP_PKEY_get_bits(key));
    case EVP_PKEY_ED25519:
      return "ed25519";
    case EVP_PKEY_EC:
      EVP_PKEY_get_group_name(key, group.data(), group.size(), nullptr);
      if (std::string_view(group.data()) == "prime256v1") return "p256";
      if (std::string_view(group.data()) == "secp384r1") return "p384";
      return group.data();
    default:
      return "unknown";
  }
}

}  // namespace

Result<CertificateFacts> facts_of(ByteView der) {
  const auto certificate = tls::certificate_from_der(der);
  if (!certificate) return fail(certificate.error());
  const X509* x = certificate->get();
  CertificateFacts out;
  out.subject = tls::subject_of(x);
  std::unique_ptr<BIO, Freed<BIO_free>> text(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(text.get(), X509_get_issuer_name(x), 0, XN_FLAG_RFC2253);
  char* issuer = nullptr;
  const long size = BIO_get_mem_data(text.get(), &issuer);
  out.issuer = printable({issuer, static_cast<std::size_t>(size)});
  out.names = tls::alternative_names(x);
  out.key = key_of(x);
  out.not_before = seconds_of(X509_get0_notBefore(x));
  out.not_after = seconds_of(X509_get0_notAfter(x));
  std::array<std::uint8_t, 32> digest{};
  X509_digest(x, EVP_sha256(), digest.data(), nullptr);
  out.sha256 = hex(digest);
  return out;
}

std::string describe(const CertificateFacts& facts) {
  std::string names;
  for (const std::string& name : facts.names) names += (names.empty() ? "" : ", ") + printable(name);
  std::string out = fmt::format("  subject      {}\n  issuer       {}\n", facts.subject, facts.issuer);
  if (!names.empty()) out += fmt::format("  names        {}\n", names);
  out += fmt::format("  key          {}\n  valid        {} to {} UTC\n  SHA-256      {}\n", facts.key,
                     timestamp(facts.not_before), timestamp(facts.not_after), facts.sha256);
  return out;
}

Result<std::vector<Bytes>> read_chain(const std::string& path) {
  const auto text = config::read_file(path);
  if (!text) return fail(text.error());
  return tls::chain_from_pem(*text, path);
}

}  // namespace tlspool::cli
