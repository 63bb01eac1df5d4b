// SPDX-License-Identifier: Apache-2.0
#include "keeper/certificates.h"

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

#include <array>

#include "base/text.h"
#include "keeper/signature.h"
#include "tls/openssl.h"

namespace tlspool::keeper {
namespace {

using Extension = std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>>;
using Names = std::unique_ptr<GENERAL_NAMES, Freed<GENERAL_NAMES_free>>;
using Serial = std::unique_ptr<BIGNUM, Freed<BN_free>>;

constexpr long day = 24 * 3600;
constexpr long hour = 3600;

Error broken(const char* operation, const std::string& subject) {
  return tls::openssl_error(Code::internal, operation, subject);
}

/// The signer of the process: one CA key at a time, asked by number 1.
struct Authority {
  OpenToken token;
  PrivateKey key;
  tls::EvpKey handle;
};
Authority*& current() {
  static Authority* authority = nullptr;
  return authority;
}

Result<Bytes> sign_as_authority(std::uint32_t, std::uint16_t scheme, ByteView input) {
  const Authority* a = current();
  if (a == nullptr) return fail({Code::internal, "sign", "", "no CA key is open", {}});
  auto signature = sign_text(a->token.session, a->key, scheme, input, a->token.pin);
  if (!signature) return fail(std::move(signature.error().error));
  return std::move(*signature);
}

Result<PrivateKey> key_in(const OpenToken& token, const std::string& text) {
  auto uri = Uri::parse(text);
  if (!uri) return fail(std::move(uri.error()));
  auto handle = find_private_key(token.session, token.slot, *uri);
  if (!handle) return fail(std::move(handle.error()));
  auto key = read_private_key(token.session, *handle);
  if (key && !key->public_key) {
    return fail({Code::token_missing, "C_FindObjects", text, "the token has no public half of the key", {}});
  }
  return key;
}

Status open_authority(Modules& modules, const wire::TokenSetup& setup, const std::string& uri, Authority& out) {
  static const Status loaded = tls::load_key_provider(sign_as_authority);
  if (!loaded) return loaded;
  auto token = open_token(modules, setup);
  if (!token) return fail(std::move(token.error()));
  out.token = std::move(*token);
  auto key = key_in(out.token, uri);
  if (!key) return fail(std::move(key.error()));
  out.key = std::move(*key);
  auto handle = tls::make_handle_key(1, out.key.type, out.key.public_key.get());
  if (!handle) return fail(std::move(handle.error()));
  out.handle = std::move(*handle);
  return {};
}

Status add(X509* certificate, X509V3_CTX* context, int nid, const char* value) {
  const Extension extension{X509V3_EXT_conf_nid(nullptr, context, nid, value)};
  if (!extension || X509_add_ext(certificate, extension.get(), -1) != 1) return fail(broken("X509_add_ext", value));
  return {};
}

Status add_alternative_name(X509* certificate, const std::string& name) {
  const Names names{GENERAL_NAMES_new()};
  GENERAL_NAME* entry = GENERAL_NAME_new();
  if (!names || entry == nullptr || sk_GENERAL_NAME_push(names.get(), entry) <= 0) {
    GENERAL_NAME_free(entry);
    return fail(broken("GENERAL_NAMES", name));
  }
  if (is_ip_address(name)) {
    entry->type = GEN_IPADD;
    entry->d.iPAddress = a2i_IPADDRESS(name.c_str());
    if (entry->d.iPAddress == nullptr) return fail(broken("a2i_IPADDRESS", name));
  } else {
    entry->type = name.find('@') != std::string::npos ? GEN_EMAIL : GEN_DNS;
    entry->d.ia5 = ASN1_IA5STRING_new();
    if (entry->d.ia5 == nullptr || ASN1_STRING_set(entry->d.ia5, name.data(), static_cast<int>(name.size())) != 1) {
      return fail(broken("ASN1_IA5STRING", name));
    }
  }
  if (X509_add1_ext_i2d(certificate, NID_subject_alt_name, names.get(), 0, 0) != 1) {
    return fail(broken("X509_add1_ext_i2d", name));
  }
  return {};
}

Status set_common_name(X509* certificate, const std::string& name) {
  // The subject is for people; software looks at the SAN. A name too long for it is cut (RFC 5280 appendix A.1: 64).
  const std::string text = name.substr(0, 64);
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  if (X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8, bytes,
                                 static_cast<int>(text.size()), -1, 0) != 1) {
    return fail(broken("X509_NAME_add_entry", text));
  }
  return {};
}

Result<tls::Certificate> blank(EVP_PKEY* key, long seconds) {
  tls::Certificate out{X509_new()};
  std::array<std::uint8_t, 16> serial;
  if (!out || RAND_bytes(serial.data(), serial.size()) != 1) return fail(broken("X509_new", ""));
  serial[0] = (serial[0] & 0x7f) | 0x40;  // positive and always 16 bytes long
  const Serial number{BN_bin2bn(serial.data(), serial.size(), nullptr)};
  if (!number || X509_set_version(out.get(), X509_VERSION_3) != 1 ||
      BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(out.get())) == nullptr ||
      X509_gmtime_adj(X509_getm_notBefore(out.get()), -hour) == nullptr ||
      X509_gmtime_adj(X509_getm_notAfter(out.get()), seconds - hour) == nullptr ||
      X509_set_pubkey(out.get(), key) != 1) {
    return fail(broken("X509_set", ""));
  }
  return out;
}

Result<wire::CertificateMade> sign_certificate(X509* certificate, Authority& authority) {
  const EVP_MD* digest = authority.key.type == wire::KeyType::ed25519 ? nullptr
                         : authority.key.type == wire::KeyType::p384  ? EVP_sha384()
                                                                      : EVP_sha256();
  current() = &authority;
  const int size = X509_sign(certificate, authority.handle.get(), digest);
  current() = nullptr;
  if (size <= 0) return fail(broken("X509_sign", authority.token.session.subject()));
  wire::CertificateMade out;
  out.der = tls::der_of(certificate);
  const tls::BioPtr bio{BIO_new(BIO_s_mem())};
  if (!bio || PEM_write_bio_X509(bio.get(), certificate) != 1) return fail(broken("PEM_write_bio_X509", ""));
  char* text = nullptr;
  const long length = BIO_get_mem_data(bio.get(), &text);
  out.pem.assign(text, static_cast<std::size_t>(length));
  return out;
}

Result<tls::Certificate> read_authority(const Bytes& text) {
  if (!text.empty() && text.front() == 0x30) return tls::certificate_from_der(text);
  auto chain = tls::chain_from_pem(text_of(text), "CA certificate");
  if (!chain) return fail(std::move(chain.error()));
  return tls::certificate_from_der(chain->front());
}

}  // namespace

Result<wire::CertificateMade> make_authority(Modules& modules, const wire::MakeAuthority& request) {
  Authority authority;
  if (auto done = open_authority(modules, request.token, request.key, authority); !done) {
    return fail(std::move(done.error()));
  }
  auto made = blank(authority.key.public_key.get(), 3653 * day);
  if (!made) return fail(std::move(made.error()));
  X509* certificate = made->get();
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  Status done = set_common_name(certificate, request.name + " development CA");
  if (done && X509_set_issuer_name(certificate, X509_get_subject_name(certificate)) != 1) {
    done = fail(broken("X509_set_issuer_name", request.name));
  }
  if (done) done = add(certificate, &context, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
  if (done) done = add(certificate, &context, NID_key_usage, "critical,keyCertSign,cRLSign");
  if (done) done = add(certificate, &context, NID_subject_key_identifier, "hash");
  if (!done) return fail(std::move(done.error()));
  return sign_certificate(certificate, authority);
}

Result<wire::CertificateMade> issue(Modules& modules, const wire::IssueCertificate& request) {
  auto name = normal_identity(request.name);
  if (!name) return fail(std::move(name.error()));
  auto issuer = read_authority(request.authority);
  if (!issuer) return fail(std::move(issuer.error()));
  auto token = open_token(modules, request.token);
  if (!token) return fail(std::move(token.error()));
  auto key = key_in(*token, request.key);
  if (!key) return fail(std::move(key.error()));
  Authority authority;
  if (auto done = open_authority(modules, request.authority_token, request.authority_key, authority); !done) {
    return fail(std::move(done.error()));
  }
  if (EVP_PKEY_eq(X509_get0_pubkey(issuer->get()), authority.key.public_key.get()) != 1) {
    return fail({Code::certificate, "issue", request.authority_key, "the CA certificate is of another key", {}});
  }
  auto made = blank(key->public_key.get(), 398 * day);
  if (!made) return fail(std::move(made.error()));
  X509* certificate = made->get();
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer->get(), certificate, nullptr, nullptr, 0);
  Status done = set_common_name(certificate, *name);
  if (done && X509_set_issuer_name(certificate, X509_get_subject_name(issuer->get())) != 1) {
    done = fail(broken("X509_set_issuer_name", *name));
  }
  if (done) done = add(certificate, &context, NID_basic_constraints, "critical,CA:FALSE");
  if (done) done = add(certificate, &context, NID_key_usage, "critical,digitalSignature");
  if (done) done = add(certificate, &context, NID_ext_key_usage, "serverAuth,clientAuth");
  if (done) done = add_alternative_name(certificate, *name);
  if (done) done = add(certificate, &context, NID_subject_key_identifier, "hash");
  if (done) done = add(certificate, &context, NID_authority_key_identifier, "keyid");
  if (!done) return fail(std::move(done.error()));
  return sign_certificate(certificate, authority);
}

}  // namespace tlspool::keeper
