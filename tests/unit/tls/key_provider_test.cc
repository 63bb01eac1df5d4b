// SPDX-License-Identifier: Apache-2.0
#include "tls/key_provider.h"

#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>

#include <map>

#include "tls/openssl.h"

using namespace tlspool;
using namespace tlspool::tls;

namespace {

struct Asked {
  std::uint32_t key = 0;
  std::uint16_t scheme = 0;
  int calls = 0;
};
Asked asked;
std::map<std::uint32_t, EVP_PKEY*> private_keys;

// Stands where the keeper stands: signs with a key in memory.
Result<Bytes> sign_in_memory(std::uint32_t key, std::uint16_t scheme, ByteView input) {
  asked = {key, scheme, asked.calls + 1};
  const auto found = private_keys.find(key);
  if (found == private_keys.end()) return fail({Code::not_found, "sign", "key", "", ""});
  std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>> context{EVP_MD_CTX_new()};
  EVP_PKEY_CTX* key_context = nullptr;
  const bool ed25519 = scheme == 0x0807;
  const bool pss = scheme >> 8 == 8 && !ed25519;
  const int hash = pss ? scheme & 0xff : scheme >> 8;
  const EVP_MD* md = ed25519 ? nullptr : hash == 4 ? EVP_sha256() : hash == 5 ? EVP_sha384() : EVP_sha512();
  Bytes out(1024);
  std::size_t size = out.size();
  if (EVP_DigestSignInit(context.get(), &key_context, md, nullptr, found->second) != 1) std::abort();
  if (pss) {
    EVP_PKEY_CTX_set_rsa_padding(key_context, RSA_PKCS1_PSS_PADDING);
    EVP_PKEY_CTX_set_rsa_pss_saltlen(key_context, RSA_PSS_SALTLEN_DIGEST);
  }
  if (EVP_DigestSign(context.get(), out.data(), &size, input.data(), input.size()) != 1) std::abort();
  out.resize(size);
  return out;
}

Certificate certificate_for(EVP_PKEY* public_key, EVP_PKEY* signer, const EVP_MD* md) {
  Certificate c{X509_new()};
  X509_set_version(c.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(c.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(c.get()), -60);
  X509_gmtime_adj(X509_getm_notAfter(c.get()), 3600);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(c.get()), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("test"), -1, -1, 0);
  X509_set_issuer_name(c.get(), X509_get_subject_name(c.get()));
  X509_set_pubkey(c.get(), public_key);
  EXPECT_GT(X509_sign(c.get(), signer, md), 0);
  return c;
}

struct Case {
  const char* name;
  wire::KeyType type;
  int tls_version;
  std::uint16_t scheme;
};

EvpKey generate(wire::KeyType type) {
  switch (type) {
    case wire::KeyType::rsa: return EvpKey{EVP_RSA_gen(2048)};
    case wire::KeyType::p256: return EvpKey{EVP_EC_gen("P-256")};
    case wire::KeyType::p384: return EvpKey{EVP_EC_gen("P-384")};
    case wire::KeyType::ed25519: return EvpKey{EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")};
  }
  return {};
}

class HandleKeySigns : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override { ASSERT_TRUE(load_key_provider(sign_in_memory)); }
};

bool shake_hands(SSL* client, SSL* server) {
  for (int i = 0; i < 20; ++i) {
    SSL_do_handshake(client);
    SSL_do_handshake(server);
    if (SSL_is_init_finished(client) && SSL_is_init_finished(server)) return true;
  }
  return false;
}

TEST_P(HandleKeySigns, TheServersHandshake) {
  const Case& c = GetParam();
  const EvpKey key = generate(c.type);
  private_keys[7] = key.get();
  auto handle = make_handle_key(7, c.type, key.get());
  ASSERT_TRUE(handle) << handle.error().text();
  const Certificate certificate = certificate_for(key.get(), key.get(), c.type == wire::KeyType::ed25519 ? nullptr : EVP_sha256());

  SslContext server_context{SSL_CTX_new(TLS_server_method())};
  SslContext client_context{SSL_CTX_new(TLS_client_method())};
  SSL_CTX_set_max_proto_version(server_context.get(), c.tls_version);
  ASSERT_EQ(SSL_CTX_use_certificate(server_context.get(), certificate.get()), 1);
  ASSERT_EQ(SSL_CTX_use_PrivateKey(server_context.get(), handle->get()), 1);
  const Ssl server{SSL_new(server_context.get())};
  const Ssl client{SSL_new(client_context.get())};
  BIO* a = nullptr;
  BIO* b = nullptr;
  BIO_new_bio_pair(&a, 0, &b, 0);
  SSL_set_bio(server.get(), a, a);
  SSL_set_bio(client.get(), b, b);
  SSL_set_accept_state(server.get());
  SSL_set_connect_state(client.get());
  asked = {};
  EXPECT_TRUE(shake_hands(client.get(), server.get()));
  EXPECT_EQ(asked.calls, 1);
  EXPECT_EQ(asked.key, 7u);
  EXPECT_EQ(asked.scheme, c.scheme);
  private_keys.clear();
}

INSTANTIATE_TEST_SUITE_P(
    EveryKeyType, HandleKeySigns,
    testing::Values(Case{"rsa13", wire::KeyType::rsa, TLS1_3_VERSION, 0x0804},
                    Case{"rsa12", wire::KeyType::rsa, TLS1_2_VERSION, 0x0804},
                    Case{"p256in13", wire::KeyType::p256, TLS1_3_VERSION, 0x0403},
                    Case{"p256in12", wire::KeyType::p256, TLS1_2_VERSION, 0x0403},
                    Case{"p384in13", wire::KeyType::p384, TLS1_3_VERSION, 0x0503},
                    Case{"ed25519in13", wire::KeyType::ed25519, TLS1_3_VERSION, 0x0807},
                    Case{"ed25519in12", wire::KeyType::ed25519, TLS1_2_VERSION, 0x0807}),
    [](const auto& info) { return info.param.name; });

class HandleKeyIssues : public testing::TestWithParam<wire::KeyType> {};

TEST_P(HandleKeyIssues, ACertificateThatVerifies) {
  ASSERT_TRUE(load_key_provider(sign_in_memory));
  const EvpKey key = generate(GetParam());
  private_keys[9] = key.get();
  auto handle = make_handle_key(9, GetParam(), key.get());
  ASSERT_TRUE(handle);
  const Certificate c =
      certificate_for(key.get(), handle->get(), GetParam() == wire::KeyType::ed25519 ? nullptr : EVP_sha256());
  EXPECT_EQ(X509_verify(c.get(), key.get()), 1);
  private_keys.clear();
}

INSTANTIATE_TEST_SUITE_P(EveryKeyType, HandleKeyIssues,
                         testing::Values(wire::KeyType::rsa, wire::KeyType::p256, wire::KeyType::p384,
                                         wire::KeyType::ed25519));

TEST(HandleKey, FailsTheOperationWhenTheKeeperRefuses) {
  ASSERT_TRUE(load_key_provider(sign_in_memory));
  const EvpKey key = generate(wire::KeyType::p256);
  auto handle = make_handle_key(1234, wire::KeyType::p256, key.get());
  ASSERT_TRUE(handle);
  Certificate c{X509_new()};
  X509_set_pubkey(c.get(), key.get());
  EXPECT_EQ(X509_sign(c.get(), handle->get(), EVP_sha256()), 0);
}

TEST(HandleKey, DoesNotMatchAnotherCertificate) {
  ASSERT_TRUE(load_key_provider(sign_in_memory));
  const EvpKey key = generate(wire::KeyType::p256);
  const EvpKey other = generate(wire::KeyType::p256);
  auto handle = make_handle_key(1, wire::KeyType::p256, key.get());
  ASSERT_TRUE(handle);
  const Certificate mine = certificate_for(key.get(), key.get(), EVP_sha256());
  const Certificate foreign = certificate_for(other.get(), other.get(), EVP_sha256());
  EXPECT_EQ(X509_check_private_key(mine.get(), handle->get()), 1);
  EXPECT_EQ(X509_check_private_key(foreign.get(), handle->get()), 0);
}

TEST(HandleKey, CanNotBeExported) {
  ASSERT_TRUE(load_key_provider(sign_in_memory));
  const EvpKey key = generate(wire::KeyType::p256);
  auto handle = make_handle_key(1, wire::KeyType::p256, key.get());
  ASSERT_TRUE(handle);
  OSSL_PARAM* out = nullptr;
  EXPECT_NE(EVP_PKEY_todata(handle->get(), EVP_PKEY_KEYPAIR, &out), 1);
}

}  // namespace
