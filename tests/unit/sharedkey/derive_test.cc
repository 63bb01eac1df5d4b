// SPDX-License-Identifier: Apache-2.0
#include "sharedkey/derive.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "../vectors.h"

namespace tlspool::sharedkey {
namespace {

wire::KeyHash hash_of(const wire::Value& entry) {
  return entry.text("hash") == "sha256" ? wire::KeyHash::sha256 : wire::KeyHash::sha384;
}

/// What the token does in derived mode.
std::string hmac_hex(ByteView key, ByteView text) {
  Bytes out(32);
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), text.data(), text.size(), out.data(), nullptr);
  return hex(out);
}

TEST(Derive, TheDerivedPskIsAsTheVectorsSay) {
  for (const auto& entry : cases_of("derived/psks.json")) {
    const Bytes input = derivation_input(entry.text("client"), entry.text("server"), view(entry.text("identity")),
                                         entry.text("version") == "1.3", hash_of(entry));
    EXPECT_EQ(hex(input), entry.text("input"));
    EXPECT_EQ(hmac_hex(bytes_of(entry, "key"), input), entry.text("psk"));
  }
}

TEST(Derive, TheKeyCheckIsAsTheVectorsSay) {
  for (const auto& entry : cases_of("derived/key_checks.json")) {
    const Bytes input = key_check_input(bytes_of(entry, "nonce"), bytes_of(entry, "id"));
    EXPECT_EQ(hex(input), entry.text("input"));
    EXPECT_EQ(hmac_hex(bytes_of(entry, "key"), input).substr(0, 16), entry.text("check"));
  }
}

TEST(Phantom, MasterSecretsAreAsTheVectorsSay) {
  for (const auto& entry : cases_of("phantom/master_secrets.json")) {
    const auto master = phantom_master_secret(bytes_of(entry, "secret"), entry.text("seed"), hash_of(entry));
    ASSERT_TRUE(master) << master.error().text();
    EXPECT_EQ(hex(master->bytes()), entry.text("master"));
  }
}

TEST(Phantom, SessionIdsAreAsTheVectorsSay) {
  for (const auto& entry : cases_of("phantom/session_ids.json")) {
    const Bytes secret = bytes_of(entry, "secret");
    EXPECT_EQ(hex(phantom_session_id(secret, entry.text("user"), wire::SessionIdForm::hmac).value()), entry.text("hmac"));
    const auto plain = phantom_session_id(secret, entry.text("user"), wire::SessionIdForm::user);
    EXPECT_EQ(plain ? hex(*plain) : "", entry.text("plain"));
  }
}

TEST(Phantom, NothingIsDerivedFromNothing) {
  EXPECT_EQ(phantom_master_secret({}, "", wire::KeyHash::sha256).error().code, Code::invalid);
  EXPECT_EQ(phantom_session_id({}, "alice", wire::SessionIdForm::hmac).error().code, Code::invalid);
  EXPECT_EQ(phantom_session_id(view("secret"), "", wire::SessionIdForm::user).error().code, Code::invalid);
}

TEST(Passphrase, IsStretchedAsTheVectorsSay) {
  for (const auto& entry : cases_of("phantom/passphrases.json")) {
    const auto secret = stretch_passphrase(view(entry.text("passphrase")), entry.text("salt"));
    ASSERT_TRUE(secret) << secret.error().text();
    EXPECT_EQ(hex(secret->bytes()), entry.text("secret"));
  }
  EXPECT_EQ(stretch_passphrase({}, "salt").error().code, Code::invalid);
}

TEST(Passphrase, WhatIsSurelyWeakIsBelowTheLeast) {
  for (const char* weak : {"", "a", "secret", "aaaaaaaaaaaaaaaaaaaaaaaaaaaa", "abcdefghijklmnopqrstuvwxyz0123456789", "12345678901234567890",
                           "Passw0rd!", "20261121", "abababababababababababababababab"}) {
    EXPECT_LT(passphrase_bits(weak), least_passphrase_bits) << weak;
  }
}

TEST(Passphrase, LongAndMixedOnesAreEnough) {
  for (const char* fine : {"correct horse battery staple", "kX9#vQ2!mZ7@pL", "wozu denn ein langes Wort"}) {
    EXPECT_GE(passphrase_bits(fine), least_passphrase_bits) << fine;
  }
}

}  // namespace
}  // namespace tlspool::sharedkey
