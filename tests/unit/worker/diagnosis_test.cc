// SPDX-License-Identifier: Apache-2.0
#include "worker/diagnosis.h"

#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <openssl/sslerr.h>

using namespace tlspool;
using namespace tlspool::worker;

namespace {

struct Case {
  StartRequest request;
  Connection connection{std::shared_ptr<const StartRequest>(&request, [](const StartRequest*) {})};  // borrowed, for tests to change
  std::string token_problem;
  wire::ChainVerdict verdict;
  int openssl_reason = 0;
  HandshakeFailure diagnosed(int ssl_error = SSL_ERROR_SSL, int number = 0) {
    return diagnose({connection, token_problem, verdict, ssl_error, number, openssl_reason, "openssl text"});
  }
};

TEST(Diagnosis, TheTokenIsNamedBeforeAnythingThatFollowedFromIt) {
  Case c;
  c.token_problem = "C_Sign: token=office: CKR_DEVICE_ERROR";
  c.connection.alert_received = SSL_AD_INTERNAL_ERROR;
  const auto f = c.diagnosed();
  EXPECT_EQ(f.reason, "token");
  EXPECT_NE(f.message.find("CKR_DEVICE_ERROR"), std::string::npos);
}

TEST(Diagnosis, TheJudgesRefusalCarriesCheckAndCertificate) {
  Case c;
  c.request.remote_identity = "web.example";
  c.verdict.check = "name";
  c.verdict.reason = "the certificate is for other.example";
  c.verdict.certificate = "CN=other.example";
  const auto f = c.diagnosed();
  EXPECT_EQ(f.reason, "certificate");
  EXPECT_EQ(f.check, "name");
  EXPECT_EQ(f.certificate, "CN=other.example");
  EXPECT_NE(f.message.find("web.example"), std::string::npos);
}

TEST(Diagnosis, AnUnknownServerNameIsPolicy) {
  Case c;
  c.connection.attempt->refused_name = "unknown.example";
  const auto f = c.diagnosed();
  EXPECT_EQ(f.reason, "policy");
  EXPECT_NE(f.message.find("unknown.example"), std::string::npos);
}

TEST(Diagnosis, AnAlertFromThePeerIsNamed) {
  Case c;
  c.connection.alert_received = SSL_AD_UNKNOWN_CA;
  const auto f = c.diagnosed();
  EXPECT_EQ(f.reason, "alert");
  EXPECT_NE(f.message.find("unknown_ca"), std::string::npos);
}

TEST(Diagnosis, AClientWithoutIdentityIsToldThatOneMayBeWanted) {
  Case c;
  c.connection.alert_received = SSL_AD_CERTIFICATE_REQUIRED;
  EXPECT_NE(c.diagnosed().message.find("client certificate"), std::string::npos);
  c.connection.local_identity = "joe@web.example";
  EXPECT_EQ(c.diagnosed().message.find("client certificate"), std::string::npos);
}

TEST(Diagnosis, BytesThatAreNoTlsAreTransport) {
  Case c;
  c.openssl_reason = SSL_R_WRONG_VERSION_NUMBER;
  const auto f = c.diagnosed();
  EXPECT_EQ(f.reason, "transport");
  EXPECT_NE(f.message.find("does not speak TLS"), std::string::npos);
}

TEST(Diagnosis, NothingInCommonIsPolicy) {
  for (const int reason : {SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_NO_SHARED_CIPHER}) {
    Case c;
    c.openssl_reason = reason;
    EXPECT_EQ(c.diagnosed().reason, "policy");
  }
}

TEST(Diagnosis, AResetIsTransportWithTheSystemsWords) {
  Case c;
  const auto f = c.diagnosed(SSL_ERROR_SYSCALL, ECONNRESET);
  EXPECT_EQ(f.reason, "transport");
  EXPECT_NE(f.message.find("reset"), std::string::npos);
}

TEST(Diagnosis, AKeyThatFailedTheHandshakeIsNamed) {
  Case c;
  c.connection.attempt->key_problem = "C_GetAttributeValue: store=hsm.b.example key=5678: CKR_DEVICE_REMOVED";
  const auto f = c.diagnosed();
  EXPECT_EQ(f.reason, "sharedKey");
  EXPECT_NE(f.message.find("CKR_DEVICE_REMOVED"), std::string::npos);
}

TEST(Diagnosis, AlertsOnASharedKeySayWhichAndWhatToDo) {
  wire::PeerSetup peer;
  peer.name = "b.example";
  peer.store = "hsm.b.example";
  for (const auto& [alert, expected] : {std::pair{SSL_AD_UNKNOWN_PSK_IDENTITY, "does not have the key"},
                                        std::pair{SSL_AD_DECRYPT_ERROR, "different keys"},
                                        std::pair{SSL_AD_BAD_RECORD_MAC, "different keys"},
                                        std::pair{SSL_AD_ILLEGAL_PARAMETER, "different keys"},
                                        std::pair{SSL_AD_DECODE_ERROR, "different hashes"},
                                        std::pair{SSL_AD_HANDSHAKE_FAILURE, "other settings"}}) {
    Case c;
    c.connection.shared_key = std::make_unique<SharedKey>();
    c.connection.shared_key->peer = &peer;
    c.connection.shared_key->key_id = "5678";
    c.connection.alert_received = alert;
    const auto f = c.diagnosed();
    EXPECT_EQ(f.reason, "sharedKey");
    EXPECT_NE(f.message.find(expected), std::string::npos) << f.message;
    EXPECT_NE(f.message.find("store=hsm.b.example key=5678"), std::string::npos) << f.message;
  }
}

TEST(Diagnosis, OtherAlertsKeepTheirMeaningBesideASharedKey) {
  wire::PeerSetup peer;
  Case c;
  c.connection.shared_key = std::make_unique<SharedKey>();
  c.connection.shared_key->peer = &peer;
  c.connection.alert_received = SSL_AD_PROTOCOL_VERSION;
  EXPECT_EQ(c.diagnosed().reason, "alert");
}

}  // namespace
