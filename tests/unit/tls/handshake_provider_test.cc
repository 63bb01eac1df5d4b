// SPDX-License-Identifier: Apache-2.0
#include "tls/handshake_provider.h"

#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/provider.h>

#include <random>
#include <string>
#include <vector>

#include "base/text.h"
#include "tls/key_provider.h"
#include "tls/openssl.h"

namespace tlspool::tls {
namespace {

using Kdf = std::unique_ptr<EVP_KDF, Freed<EVP_KDF_free>>;
using KdfContext = std::unique_ptr<EVP_KDF_CTX, Freed<EVP_KDF_CTX_free>>;
using EvpKeyContext = std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>>;
using Mac = std::unique_ptr<EVP_MAC, Freed<EVP_MAC_free>>;

constexpr const char* standard = "provider=default";

struct Part {
  const char* name;
  Bytes value;
};

/// Empty: refused.
Bytes derived(const char* properties, const char* name, const char* digest, const std::vector<Part>& parts, std::size_t size, int mode = -1) {
  const Kdf kdf{EVP_KDF_fetch(nullptr, name, properties)};
  const KdfContext context{EVP_KDF_CTX_new(kdf.get())};
  std::vector<OSSL_PARAM> params;
  if (mode >= 0) params.push_back(OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode));
  params.push_back(OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, const_cast<char*>(digest), 0));
  for (const Part& part : parts) {
    params.push_back(OSSL_PARAM_construct_octet_string(part.name, const_cast<std::uint8_t*>(part.value.data()), part.value.size()));
  }
  params.push_back(OSSL_PARAM_construct_end());
  Bytes out(size);
  return EVP_KDF_derive(context.get(), out.data(), out.size(), params.data()) == 1 ? out : Bytes{};
}

class HandshakeProvider : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(load_handshake_provider()); }
  Bytes random(std::size_t size) {
    Bytes out(size);
    for (auto& byte : out) byte = static_cast<std::uint8_t>(numbers_());
    return out;
  }
  std::mt19937 numbers_{7};
};

TEST_F(HandshakeProvider, ServesTheContextsOfThePoolAndNobodyElse) {
  const auto who = [](const char* properties) {
    const Kdf kdf{EVP_KDF_fetch(nullptr, "TLS13-KDF", properties)};
    const Kdf prf{EVP_KDF_fetch(nullptr, "TLS1-PRF", properties)};
    const Mac mac{EVP_MAC_fetch(nullptr, "HMAC", properties)};
    return std::vector<std::string>{OSSL_PROVIDER_get0_name(EVP_KDF_get0_provider(kdf.get())), OSSL_PROVIDER_get0_name(EVP_KDF_get0_provider(prf.get())),
                                    OSSL_PROVIDER_get0_name(EVP_MAC_get0_provider(mac.get()))};
  };
  EXPECT_EQ(who(handshake_properties), std::vector<std::string>(3, "tlspool-handshake"));
  EXPECT_EQ(who("?provider=default"), std::vector<std::string>(3, "default"));
}

TEST_F(HandshakeProvider, DerivesTheKeysOfTls13AsOpensslDoes) {
  for (const auto& [digest, size] : {std::pair{"SHA256", 32}, std::pair{"SHA384", 48}}) {
    for (const std::size_t wanted : {12, 16, 32, 48, 49, 300}) {
      for (const std::size_t data : {0, 32, 48, 64}) {
        std::vector<Part> parts{{OSSL_KDF_PARAM_KEY, random(static_cast<std::size_t>(size))},
                                {OSSL_KDF_PARAM_PREFIX, copy_of(view("tls13 "))},
                                {OSSL_KDF_PARAM_LABEL, copy_of(view("c hs traffic"))}};
        if (data > 0) parts.push_back({OSSL_KDF_PARAM_DATA, random(data)});
        const Bytes ours = derived(handshake_properties, "TLS13-KDF", digest, parts, wanted, EVP_KDF_HKDF_MODE_EXPAND_ONLY);
        ASSERT_FALSE(ours.empty());
        EXPECT_EQ(ours, derived(standard, "TLS13-KDF", digest, parts, wanted, EVP_KDF_HKDF_MODE_EXPAND_ONLY));
      }
    }
    for (const bool salt : {false, true}) {
      for (const bool key : {false, true}) {
        std::vector<Part> parts{{OSSL_KDF_PARAM_PREFIX, copy_of(view("tls13 "))}, {OSSL_KDF_PARAM_LABEL, copy_of(view("derived"))}};
        if (key) parts.push_back({OSSL_KDF_PARAM_KEY, random(32)});
        if (salt) parts.push_back({OSSL_KDF_PARAM_SALT, random(static_cast<std::size_t>(size))});
        const auto wanted = static_cast<std::size_t>(size);
        const Bytes ours = derived(handshake_properties, "TLS13-KDF", digest, parts, wanted, EVP_KDF_HKDF_MODE_EXTRACT_ONLY);
        ASSERT_FALSE(ours.empty());
        EXPECT_EQ(ours, derived(standard, "TLS13-KDF", digest, parts, wanted, EVP_KDF_HKDF_MODE_EXTRACT_ONLY));
      }
    }
  }
}

// RFC 8448 section 3: the server's handshake traffic secret becomes its key.
TEST_F(HandshakeProvider, AgreesWithTheVectorOfRfc8448) {
  const Bytes secret = *unhex("b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38");
  const std::vector<Part> parts{{OSSL_KDF_PARAM_KEY, secret}, {OSSL_KDF_PARAM_PREFIX, copy_of(view("tls13 "))}, {OSSL_KDF_PARAM_LABEL, copy_of(view("key"))}};
  EXPECT_EQ(derived(handshake_properties, "TLS13-KDF", "SHA2-256", parts, 16, EVP_KDF_HKDF_MODE_EXPAND_ONLY), *unhex("3fce516009c21727d0f2e4e86ee403bc"));
}

TEST_F(HandshakeProvider, RefusesWhatHasNoEncoding) {
  const auto expand = [&](std::size_t label, std::size_t data, std::size_t size, const char* digest = "SHA256", int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY) {
    return derived(handshake_properties, "TLS13-KDF", digest,
                   {{OSSL_KDF_PARAM_KEY, random(32)}, {OSSL_KDF_PARAM_LABEL, random(label)}, {OSSL_KDF_PARAM_DATA, random(data)}}, size, mode);
  };
  EXPECT_FALSE(expand(255, 255, 255 * 32).empty());
  EXPECT_TRUE(expand(256, 0, 32).empty());
  EXPECT_TRUE(expand(1, 256, 32).empty());
  EXPECT_TRUE(expand(1, 0, 255 * 32 + 1).empty());
  EXPECT_TRUE(expand(1, 0, 32, "SHA512").empty());
  EXPECT_TRUE(expand(1, 0, 32, "SHA256", EVP_KDF_HKDF_MODE_EXTRACT_AND_EXPAND).empty());
  EXPECT_TRUE(expand(1, 0, 31, "SHA256", EVP_KDF_HKDF_MODE_EXTRACT_ONLY).empty());
  EXPECT_TRUE(derived(handshake_properties, "TLS13-KDF", "SHA256", {{OSSL_KDF_PARAM_LABEL, random(3)}}, 32, EVP_KDF_HKDF_MODE_EXPAND_ONLY).empty());
}

TEST_F(HandshakeProvider, DerivesTheKeysOfTls12AsOpensslDoes) {
  for (const char* digest : {"SHA256", "SHA384"}) {
    for (const std::size_t wanted : {12, 40, 48, 104, 200}) {
      for (const std::size_t secret : {32, 48, 200}) {
        const std::vector<Part> parts{{OSSL_KDF_PARAM_SECRET, random(secret)}, {OSSL_KDF_PARAM_SEED, copy_of(view("key expansion"))},
                                      {OSSL_KDF_PARAM_SEED, random(32)}, {OSSL_KDF_PARAM_SEED, random(32)}};
        const Bytes ours = derived(handshake_properties, "TLS1-PRF", digest, parts, wanted);
        ASSERT_FALSE(ours.empty());
        EXPECT_EQ(ours, derived(standard, "TLS1-PRF", digest, parts, wanted));
      }
    }
  }
  EXPECT_TRUE(derived(handshake_properties, "TLS1-PRF", "SHA256", {{OSSL_KDF_PARAM_SEED, random(3)}}, 12).empty());
}

TEST_F(HandshakeProvider, MakesTheHmacThatOpensslMakes) {
  for (const char* digest : {"SHA256", "SHA384"}) {
    for (const std::size_t key_size : {1, 32, 64, 65, 128, 129, 300}) {
      const Bytes key = random(key_size);
      const Bytes data = random(key_size * 3);
      const auto mac = [&](const char* properties) {
        Bytes out(64);
        std::size_t size = 0;
        EXPECT_NE(EVP_Q_mac(nullptr, "HMAC", properties, digest, nullptr, key.data(), key.size(), data.data(), data.size(), out.data(), out.size(), &size), nullptr);
        out.resize(size);
        return out;
      };
      EXPECT_EQ(mac(handshake_properties), mac(standard));
    }
  }
}

/// Of our own key with the public half `theirs`; empty: refused.
Bytes exchanged(EVP_PKEY* own, const Bytes& theirs, const char* properties) {
  const EvpKeyContext parameters{EVP_PKEY_CTX_new_from_name(nullptr, "X25519", properties)};
  EVP_PKEY* peer = nullptr;
  if (EVP_PKEY_paramgen_init(parameters.get()) != 1 || EVP_PKEY_paramgen(parameters.get(), &peer) != 1) return {};
  const EvpKey owned{peer};
  if (EVP_PKEY_set1_encoded_public_key(peer, theirs.data(), theirs.size()) != 1) return {};
  const EvpKeyContext exchange{EVP_PKEY_CTX_new_from_pkey(nullptr, own, properties)};
  Bytes out(32);
  std::size_t size = out.size();
  if (EVP_PKEY_derive_init(exchange.get()) != 1 || EVP_PKEY_derive_set_peer(exchange.get(), peer) != 1 ||
      EVP_PKEY_derive(exchange.get(), out.data(), &size) != 1 || size != 32) {
    return {};
  }
  return out;
}

EvpKey new_exchange_key(const char* properties) { return EvpKey{EVP_PKEY_Q_keygen(nullptr, properties, "X25519")}; }

Bytes public_half(EVP_PKEY* key) {
  unsigned char* bytes = nullptr;
  const std::size_t size = EVP_PKEY_get1_encoded_public_key(key, &bytes);
  Bytes out(bytes, bytes + size);
  OPENSSL_free(bytes);
  return out;
}

TEST_F(HandshakeProvider, ExchangesKeysWithOpenssl) {
  for (int i = 0; i < 50; ++i) {
    const EvpKey ours = new_exchange_key(handshake_properties);
    const EvpKey other = new_exchange_key(standard);
    ASSERT_STREQ(OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(ours.get())), "tlspool-handshake");
    ASSERT_STREQ(OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(other.get())), "default");
    const Bytes secret = exchanged(ours.get(), public_half(other.get()), handshake_properties);
    ASSERT_EQ(secret.size(), 32U);
    EXPECT_EQ(secret, exchanged(other.get(), public_half(ours.get()), standard));
    EXPECT_NE(public_half(ours.get()), public_half(new_exchange_key(handshake_properties).get()));
  }
}

// RFC 7748 section 5: the top bit is ignored. Section 6.1: points of small order give nothing but zeros.
TEST_F(HandshakeProvider, TakesTheSamePublicHalvesAsOpenssl) {
  const EvpKey ours = new_exchange_key(handshake_properties);
  Bytes half = public_half(new_exchange_key(standard).get());
  const Bytes secret = exchanged(ours.get(), half, handshake_properties);
  half[31] ^= 0x80;
  EXPECT_EQ(exchanged(ours.get(), half, handshake_properties), secret);
  Bytes one(32);
  one[0] = 1;
  for (const Bytes& small : {Bytes(32), one, *unhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
                             *unhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
                             *unhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")}) {
    EXPECT_TRUE(exchanged(ours.get(), small, handshake_properties).empty());
  }
  for (const std::size_t size : {0, 31, 33}) EXPECT_TRUE(exchanged(ours.get(), Bytes(size, 9), handshake_properties).empty());
}

TEST_F(HandshakeProvider, GivesNoPrivateHalfAway) {
  const EvpKey ours = new_exchange_key(handshake_properties);
  std::size_t size = 0;
  EXPECT_NE(EVP_PKEY_get_raw_private_key(ours.get(), nullptr, &size), 1);
  OSSL_PARAM* params = nullptr;
  EXPECT_NE(EVP_PKEY_todata(ours.get(), EVP_PKEY_KEYPAIR, &params), 1);
  OSSL_PARAM_free(params);
  const Bytes other = public_half(new_exchange_key(standard).get());
  EXPECT_NE(EVP_PKEY_set1_encoded_public_key(ours.get(), other.data(), other.size()), 1);
}

TEST_F(HandshakeProvider, AHandshakeOfEachVersionSucceedsAgainstOpensslAlone) {
  const SslContext plain{SSL_CTX_new(TLS_method())};
  const SslContext ours{SSL_CTX_new_ex(nullptr, handshake_properties, TLS_method())};
  const EvpKey key{EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256")};
  const Certificate certificate{X509_new()};
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -60);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_set_pubkey(certificate.get(), key.get());
  X509_sign(certificate.get(), key.get(), EVP_sha256());
  for (SSL_CTX* server : {plain.get(), ours.get()}) {
    SSL_CTX_use_certificate(server, certificate.get());
    SSL_CTX_use_PrivateKey(server, key.get());
  }
  for (const bool we_serve : {true, false}) {
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
      for (const char* suite : {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"}) {
        SslSession ticket;
        for (const bool resumed : {false, true}) {
          const Ssl server{SSL_new(we_serve ? ours.get() : plain.get())};
          const Ssl client{SSL_new(we_serve ? plain.get() : ours.get())};
          SSL_set_min_proto_version(client.get(), version);
          SSL_set_max_proto_version(client.get(), version);
          SSL_set_ciphersuites(client.get(), suite);
          SSL_set_cipher_list(client.get(), suite == std::string("TLS_AES_128_GCM_SHA256") ? "ECDHE-ECDSA-AES128-GCM-SHA256" : "ECDHE-ECDSA-AES256-GCM-SHA384");
          if (ticket) SSL_set_session(client.get(), ticket.get());
          BIO* here = nullptr;
          BIO* there = nullptr;
          BIO_new_bio_pair(&here, 64 * 1024, &there, 64 * 1024);
          SSL_set_bio(server.get(), here, here);
          SSL_set_bio(client.get(), there, there);
          SSL_set_accept_state(server.get());
          SSL_set_connect_state(client.get());
          for (int step = 0; step < 4; ++step) {
            SSL_do_handshake(client.get());
            SSL_do_handshake(server.get());
          }
          EVP_PKEY* exchange_key = nullptr;
          if (version == TLS1_3_VERSION) {
            ASSERT_EQ(SSL_get_tmp_key(we_serve ? server.get() : client.get(), &exchange_key), 1);
            EXPECT_STREQ(OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(exchange_key)), "tlspool-handshake");
            EVP_PKEY_free(exchange_key);
          }
          ASSERT_EQ(SSL_is_init_finished(server.get()) + SSL_is_init_finished(client.get()), 2) << version << " " << suite << " " << resumed;
          char byte = 'x';
          EXPECT_EQ(SSL_write(server.get(), &byte, 1), 1);
          EXPECT_EQ(SSL_read(client.get(), &byte, 1), 1);
          EXPECT_EQ(SSL_session_reused(client.get()) == 1, resumed);
          ticket.reset(SSL_get1_session(client.get()));
          SSL_set_shutdown(client.get(), SSL_SENT_SHUTDOWN);  // else it counts as not resumable
        }
      }
    }
  }
}

}  // namespace
}  // namespace tlspool::tls
