// SPDX-License-Identifier: Apache-2.0
#include "qkd/sae_names.h"

#include <openssl/bn.h>

#include <memory>

#include "base/text.h"
#include "etsi014/messages.h"
#include "tls/openssl.h"

namespace tlspool::qkd {
namespace {

using Names = std::unique_ptr<GENERAL_NAMES, Freed<GENERAL_NAMES_free>>;

void add(std::vector<std::string>& names, std::string name) {
  if (etsi014::is_sae_id(name)) names.push_back(std::move(name));
}

void common_names(const X509* certificate, std::vector<std::string>& out) {
  const X509_NAME* subject = X509_get_subject_name(certificate);
  for (int at = -1; (at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0;) {
    unsigned char* text = nullptr;
    const int size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    if (size < 0) continue;
    add(out, std::string(reinterpret_cast<const char*>(text), static_cast<std::size_t>(size)));
    OPENSSL_free(text);
  }
}

void alternative_names(const X509* certificate, int type, std::vector<std::string>& out) {
  const Names names(static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    int found = 0;
    const void* value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names.get(), i), &found);
    if (found != type) continue;
    const auto* text = static_cast<const ASN1_IA5STRING*>(value);
    std::string name(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)), static_cast<std::size_t>(ASN1_STRING_length(text)));
    add(out, type == GEN_DNS ? lower(name) : std::move(name));
  }
}

void serial(const X509* certificate, std::vector<std::string>& out) {
  const std::unique_ptr<BIGNUM, Freed<BN_free>> number(ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr));
  if (!number) return;
  char* text = BN_bn2hex(number.get());
  if (text == nullptr) return;
  add(out, normal_sae(text, cli::SaeFrom::serial));
  OPENSSL_free(text);
}

}  // namespace

std::vector<std::string> sae_names(ByteView der, cli::SaeFrom from) {
  std::vector<std::string> out;
  const auto certificate = tls::certificate_from_der(der);
  if (!certificate) return out;
  switch (from) {
    case cli::SaeFrom::cn:
      common_names(certificate->get(), out);
      break;
    case cli::SaeFrom::dns:
      alternative_names(certificate->get(), GEN_DNS, out);
      break;
    case cli::SaeFrom::uri:
      alternative_names(certificate->get(), GEN_URI, out);
      break;
    case cli::SaeFrom::serial:
      serial(certificate->get(), out);
      break;
  }
  return out;
}

std::string normal_sae(const std::string& name, cli::SaeFrom from) {
  switch (from) {
    case cli::SaeFrom::cn:
    case cli::SaeFrom::uri:
      return name;
    case cli::SaeFrom::dns:
      return lower(name);
    case cli::SaeFrom::serial:
      break;
  }
  std::string out = lower(name);
  std::erase(out, ':');
  out.erase(0, std::min(out.find_first_not_of('0'), out.size()));
  return out;
}

}  // namespace tlspool::qkd
