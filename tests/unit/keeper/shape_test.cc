// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <array>

#include "base/text.h"
#include "keeper/handshake_shape.h"

namespace tlspool::keeper {
namespace {

using wire::role_client;
using wire::role_server;

Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}
Bytes number(std::size_t value, int width) {
  Bytes out;
  for (int i = width - 1; i >= 0; --i) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
  return out;
}
Bytes vector(int width, const Bytes& content) { return number(content.size(), width) + content; }
Bytes text(std::string_view t) { return copy_of(view(t)); }

Bytes tls13(std::string_view side, std::size_t hash) {
  return Bytes(64, ' ') + text("TLS 1.3, ") + text(side) + text(" CertificateVerify") + Bytes(1, 0) + Bytes(hash, 0xaa);
}
Bytes params(std::uint16_t group, std::size_t size, std::uint8_t first) {
  Bytes point(size, 0x55);
  point[0] = first;
  return number(3, 1) + number(group, 2) + vector(1, point);
}
Bytes exchange(std::uint16_t group, std::size_t size, std::uint8_t first = 4) {
  return Bytes(64, 0x11) + params(group, size, first);
}
Bytes message(std::uint8_t type, const Bytes& body) { return number(type, 1) + vector(3, body); }

const Bytes hello = number(0x0303, 2) + Bytes(32, 1) + vector(1, {}) + vector(2, {0xc0, 0x2b}) + vector(1, {0}) +
                    vector(2, number(10, 2) + vector(2, {0, 2, 0, 29}));
const Bytes answer = number(0x0303, 2) + Bytes(32, 2) + vector(1, Bytes(32, 3)) + Bytes{0xc0, 0x2b} + Bytes{0} +
                     vector(2, {});
const Bytes chain = vector(3, vector(3, Bytes(300, 9)) + vector(3, Bytes(200, 8)));
const Bytes key_exchange = params(29, 32, 7) + number(0x0403, 2) + vector(2, Bytes(70, 6));
const Bytes request = vector(1, {1, 64}) + vector(2, {4, 3, 8, 4}) + vector(2, {});

Bytes transcript(const Bytes& optional = {}) {
  return message(1, hello) + message(2, answer) + message(11, chain) + optional + message(12, key_exchange) +
         message(13, request) + message(14, {}) + message(11, chain) + message(16, vector(1, Bytes(32, 5)));
}

SignQuestion question(const Bytes& input, std::uint8_t role, bool tls13_wanted, std::uint16_t scheme = 0x0403) {
  return {wire::KeyType::p256, role_client | role_server, role, tls13_wanted, scheme, input};
}

TEST(HandshakeShape, Tls13CertificateVerifyOfEachRoleIsAllowed) {
  for (const std::size_t hash : {32U, 48U}) {
    EXPECT_TRUE(judge_signature(question(tls13("server", hash), role_server, true)).allowed);
    EXPECT_TRUE(judge_signature(question(tls13("client", hash), role_client, true)).allowed);
  }
}

TEST(HandshakeShape, Tls13OfTheOtherRoleIsRefused) {
  EXPECT_FALSE(judge_signature(question(tls13("server", 32), role_client, true)).allowed);
  EXPECT_FALSE(judge_signature(question(tls13("client", 32), role_server, true)).allowed);
}

TEST(HandshakeShape, Tls13WithAnyByteOfItsFrameChangedIsRefused) {
  const Bytes good = tls13("server", 32);
  for (std::size_t i = 0; i < 98; ++i) {
    Bytes bad = good;
    bad[i] ^= 1;
    EXPECT_FALSE(is_tls13_certificate_verify(bad, role_server)) << i;
  }
  for (const std::size_t hash : {0U, 20U, 31U, 33U, 47U, 49U, 64U}) {
    EXPECT_FALSE(is_tls13_certificate_verify(tls13("server", hash), role_server)) << hash;
  }
}

TEST(HandshakeShape, RoleThatTheIdentityMayNotPlayIsRefused) {
  const Bytes input = tls13("server", 32);
  SignQuestion q = question(input, role_server, true);
  q.allowed_roles = role_client;
  EXPECT_FALSE(judge_signature(q).allowed);
  q.allowed_roles = 3;
  q.role = 3;
  EXPECT_FALSE(judge_signature(q).allowed);
  q.role = 0;
  EXPECT_FALSE(judge_signature(q).allowed);
}

TEST(HandshakeShape, ServerKeyExchangeOfEveryGroupIsAllowed) {
  const std::array<std::pair<std::uint16_t, std::size_t>, 5> groups{{{23, 65}, {24, 97}, {25, 133}, {29, 32}, {30, 56}}};
  for (const auto& [group, size] : groups) {
    EXPECT_TRUE(judge_signature(question(exchange(group, size), role_server, false)).allowed) << group;
    EXPECT_FALSE(is_tls12_server_key_exchange(exchange(group, size + 1))) << group;
    EXPECT_FALSE(is_tls12_server_key_exchange(exchange(group, size - 1))) << group;
    EXPECT_FALSE(is_tls12_server_key_exchange(exchange(group, size) + Bytes{0})) << group;
  }
  EXPECT_FALSE(is_tls12_server_key_exchange(exchange(23, 65, 2)));
  EXPECT_FALSE(is_tls12_server_key_exchange(exchange(26, 65)));
  EXPECT_FALSE(judge_signature(question(exchange(29, 32), role_client, false)).allowed);
}

TEST(HandshakeShape, EveryTruncationOfAServerKeyExchangeIsRefused) {
  const Bytes good = exchange(29, 32);
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(is_tls12_server_key_exchange(ByteView{good}.first(size))) << size;
  }
}

TEST(HandshakeShape, ClientTranscriptIsAllowed) {
  EXPECT_TRUE(judge_signature(question(transcript(), role_client, false)).allowed);
  EXPECT_TRUE(is_tls12_client_transcript(transcript(message(22, number(1, 1) + vector(3, Bytes(40, 1))))));
  EXPECT_FALSE(judge_signature(question(transcript(), role_server, false)).allowed);
  EXPECT_FALSE(judge_signature(question(transcript(), role_client, true)).allowed);
  SignQuestion forbidden = question(transcript(), role_client, false);
  forbidden.tls12_allowed = false;
  EXPECT_FALSE(judge_signature(forbidden).allowed);
}

TEST(HandshakeShape, TranscriptInAnotherOrderOrLengthIsRefused) {
  const Bytes good = transcript();
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(is_tls12_client_transcript(ByteView{good}.first(size))) << size;
  }
  EXPECT_FALSE(is_tls12_client_transcript(good + Bytes{0}));
  EXPECT_FALSE(is_tls12_client_transcript(good + message(15, vector(2, {}))));
  EXPECT_FALSE(is_tls12_client_transcript(message(2, answer) + message(1, hello)));
  EXPECT_FALSE(is_tls12_client_transcript(transcript(message(14, {}))));
  EXPECT_FALSE(is_tls12_client_transcript(message(0, {}) + good));
}

TEST(HandshakeShape, OtherProtocolsTextsAreRefusedInEveryRole) {
  const std::vector<Bytes> others = {
      {},
      Bytes(32, 0x42),  // a bare digest
      Bytes(48, 0x42),
      Bytes(64, 0x42),
      // the head of an X.509 TBSCertificate and of a PKCS#10 request
      *unhex("308201a2a003020102021100c0ffee300a06082a8648ce3d04030230163114301206035504030c0b") + Bytes(380, 7),
      *unhex("30820121020100300f310d300b06035504030c0474657374") + Bytes(265, 7),
      // SSH user authentication: session id, SSH_MSG_USERAUTH_REQUEST, "root", "ssh-connection", "publickey"
      vector(4, Bytes(32, 5)) + Bytes{50} + vector(4, text("root")) + vector(4, text("ssh-connection")) +
          vector(4, text("publickey")) + Bytes{1},
      text("SSHSIG") + vector(4, text("file")) + vector(4, {}) + vector(4, text("sha512")) + vector(4, Bytes(64, 1)),
      text("{\"alg\":\"ES256\"}.eyJzdWIiOiJyb290In0"),
      // RFC 8773-style and exported authenticators have other context strings
      Bytes(64, ' ') + text("Exported Authenticator") + Bytes(1, 0) + Bytes(32, 1),
  };
  for (const Bytes& input : others) {
    for (const std::uint8_t role : {role_client, role_server}) {
      for (const bool new_version : {false, true}) {
        EXPECT_FALSE(judge_signature(question(input, role, new_version)).allowed) << hex(input);
      }
    }
  }
}

TEST(SignatureScheme, FitsTheKeyAndTheVersion) {
  using wire::KeyType;
  EXPECT_TRUE(scheme_fits(0x0403, KeyType::p256, true));
  EXPECT_FALSE(scheme_fits(0x0503, KeyType::p256, true));  // 1.3 binds the curve to the hash
  EXPECT_TRUE(scheme_fits(0x0503, KeyType::p256, false));
  EXPECT_TRUE(scheme_fits(0x0503, KeyType::p384, true));
  EXPECT_FALSE(scheme_fits(0x0403, KeyType::p384, true));
  for (const std::uint16_t pkcs1 : {0x0401, 0x0501, 0x0601}) {
    EXPECT_FALSE(scheme_fits(pkcs1, KeyType::rsa, true));
    EXPECT_TRUE(scheme_fits(pkcs1, KeyType::rsa, false));
  }
  EXPECT_TRUE(scheme_fits(0x0806, KeyType::rsa, true));
  EXPECT_FALSE(scheme_fits(0x0804, KeyType::p256, true));
  EXPECT_FALSE(scheme_fits(0x0201, KeyType::rsa, false));  // SHA-1
  EXPECT_FALSE(scheme_fits(0x0203, KeyType::p256, false));
  EXPECT_TRUE(scheme_fits(0x0807, KeyType::ed25519, true));
  EXPECT_FALSE(scheme_fits(0x0807, KeyType::p256, true));
}

}  // namespace
}  // namespace tlspool::keeper
