// SPDX-License-Identifier: Apache-2.0
#include "tls/openssl.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/sha.h>
#include <openssl/pem.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "base/url.h"

namespace tlspool::tls {
namespace {

using Names = std::unique_ptr<GENERAL_NAMES, Freed<GENERAL_NAMES_free>>;

std::string text_of_string(const ASN1_STRING* s) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(s)), static_cast<std::size_t>(ASN1_STRING_length(s))};
}

std::string address_text(const ASN1_STRING* s) {
  std::array<char, INET6_ADDRSTRLEN> out{};
  const int family = ASN1_STRING_length(s) == 4 ? AF_INET : ASN1_STRING_length(s) == 16 ? AF_INET6 : AF_UNSPEC;
  if (family == AF_UNSPEC || inet_ntop(family, ASN1_STRING_get0_data(s), out.data(), out.size()) == nullptr) return {};
  return out.data();
}

// A name of one type that reads like a name of another (a dNSName "alice@bank.example") is left out: whoever
// gets the list sees only its text.
bool well_shaped(int type, const std::string& text) {
  // A NUL inside a name is an old trick to make it read as another one.
  if (text.empty() || text.find('\0') != std::string::npos) return false;
  const auto at = text.find('@');
  switch (type) {
    case GEN_DNS: return text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-._*") == std::string::npos;
    // A colon before an @ is what tells a URI from a user.
    case GEN_EMAIL:
      return at != std::string::npos && at > 0 && at + 1 < text.size() && at == text.rfind('@') && text.find(':') > at;
    case GEN_URI: return scheme_size(text) > 0 && !is_ip_address(text);
    default: return true;
  }
}

}  // namespace

void hold_writes(SSL* ssl) {
  if (BIO* memory = BIO_new(BIO_s_mem()); memory != nullptr) SSL_set0_wbio(ssl, memory);
}

Bytes held_writes(SSL* ssl) {
  BIO* memory = SSL_get_wbio(ssl);
  if (memory == nullptr || BIO_method_type(memory) != BIO_TYPE_MEM) return {};
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory, &data);
  return size > 0 ? Bytes(data, data + size) : Bytes{};
}

Error openssl_error(Code code, std::string operation, std::string subject) {
  const unsigned long first = ERR_get_error();
  ERR_clear_error();
  const char* reason = first == 0 ? nullptr : ERR_reason_error_string(first);
  return {code, std::move(operation), std::move(subject), reason != nullptr ? reason : "failed", {}};
}

void forget_key_exchange(SSL* ssl) {
  EVP_PKEY* own = nullptr;
  EVP_PKEY* theirs = nullptr;
  if (SSL_get_tmp_key(ssl, &own) != 1) own = nullptr;
  if (SSL_get_peer_tmp_key(ssl, &theirs) != 1) theirs = nullptr;
  ERR_set_mark();
  for (EVP_PKEY* key : {own, theirs}) {
    if (key == nullptr) continue;
    // It lets go of the key first, and then finds that there is no such type.
    (void)EVP_PKEY_set_type(key, EVP_PKEY_NONE);
    EVP_PKEY_free(key);  // our reference; the empty shell stays with the SSL
  }
  ERR_pop_to_mark();
}

void forget_ticket_data(SSL* ssl) {
  if (SSL_is_server(ssl) == 1) (void)SSL_SESSION_set1_ticket_appdata(SSL_get0_session(ssl), nullptr, 0);
}

Bytes sha256(ByteView bytes) {
  Bytes out(SHA256_DIGEST_LENGTH);
  SHA256(bytes.data(), bytes.size(), out.data());
  return out;
}

Result<Certificate> certificate_from_der(ByteView der) {
  const unsigned char* at = der.data();
  Certificate certificate{d2i_X509(nullptr, &at, static_cast<long>(der.size()))};
  if (!certificate || at != der.data() + der.size()) {
    return fail(openssl_error(Code::certificate, "read certificate", "DER of " + std::to_string(der.size()) + " bytes"));
  }
  return certificate;
}

Bytes der_of(const X509* certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate, &der);
  if (size <= 0) return {};
  Bytes out(der, der + size);
  OPENSSL_free(der);
  return out;
}

Bytes spki_digest(const X509* certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
  Bytes out;
  if (size > 0) out = sha256({der, static_cast<std::size_t>(size)});
  OPENSSL_free(der);
  return out;
}

Result<std::vector<Bytes>> chain_from_pem(std::string_view pem, const std::string& subject) {
  BioPtr bio{BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))};
  if (!bio) return fail(openssl_error(Code::internal, "BIO_new_mem_buf", subject));
  std::vector<Bytes> out;
  while (true) {
    Certificate certificate{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)};
    if (certificate) {
      out.push_back(der_of(certificate.get()));
      continue;
    }
    const bool end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    if (!end) return fail(openssl_error(Code::certificate, "read certificates", subject));
    ERR_clear_error();
    if (out.empty()) {
      return fail({Code::certificate, "read certificates", subject, "there is no PEM certificate in it",
                   "it should hold the leaf certificate first, then those of its issuers"});
    }
    return out;
  }
}

std::optional<wire::KeyType> key_type_of(const X509* certificate) {
  const EVP_PKEY* key = X509_get0_pubkey(certificate);
  if (key == nullptr) return std::nullopt;
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA: return wire::KeyType::rsa;
    case EVP_PKEY_ED25519: return wire::KeyType::ed25519;
    case EVP_PKEY_EC:
      if (EVP_PKEY_get_bits(key) == 256) return wire::KeyType::p256;
      if (EVP_PKEY_get_bits(key) == 384) return wire::KeyType::p384;
      return std::nullopt;
    default: return std::nullopt;
  }
}

std::string name_text(const X509_NAME* name) {
  BioPtr bio{BIO_new(BIO_s_mem())};
  if (!bio || X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253) < 0) return {};
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

std::string subject_of(const X509* certificate) { return printable(name_text(X509_get_subject_name(certificate))); }

std::vector<std::string> alternative_names(const X509* certificate) {
  std::vector<std::string> out;
  const Names names{static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr))};
  if (!names) return out;
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    std::string text;
    switch (name->type) {
      case GEN_DNS: text = lower(text_of_string(name->d.dNSName)); break;
      case GEN_EMAIL: text = text_of_string(name->d.rfc822Name); break;
      case GEN_URI: text = text_of_string(name->d.uniformResourceIdentifier); break;
      case GEN_IPADD: text = address_text(name->d.iPAddress); break;
      default: break;
    }
    if (well_shaped(name->type, text)) out.push_back(printable(text, 512));
  }
  return out;
}

}  // namespace tlspool::tls
