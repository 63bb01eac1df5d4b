// SPDX-License-Identifier: Apache-2.0
#include "trust/chain.h"

#include <gtest/gtest.h>
#include <openssl/x509_vfy.h>

#include <chrono>

#include "pki.h"

namespace tlspool::trust {
namespace {

using namespace tlspool::test;
using testing::Test;

class Chain : public Test {
 protected:
  Chain() { EXPECT_TRUE(anchors_.add_pem(ca_.pem(), "ca.pem")); }
  static Spec web() {
    Spec s;
    s.cn = "web";
    s.san = "DNS:web.example";
    s.usage = "serverAuth";
    return s;
  }
  wire::ChainVerdict judge(std::vector<Bytes> chain, std::string expected = "web.example", bool server = true) {
    return judge_chain(anchors_, {server, std::move(expected), std::move(chain), ""}, std::time(nullptr));
  }
  wire::ChainVerdict judge(const Party& leaf, std::string expected = "web.example", bool server = true) {
    return judge(std::vector<Bytes>{leaf.der()}, std::move(expected), server);
  }

  Party ca_ = issue(ca_spec("Root"));
  Anchors anchors_;
};

void expect_refused(const wire::ChainVerdict& v, const std::string& check, const std::string& says, int error) {
  EXPECT_FALSE(v.accepted);
  EXPECT_EQ(v.check, check);
  EXPECT_NE(v.reason.find(says), std::string::npos) << v.reason;
  EXPECT_EQ(v.x509_error, error);
  EXPECT_TRUE(v.identity.empty());
}

TEST_F(Chain, GoodLeafIsAcceptedWithEverythingTold) {
  Spec s = web();
  s.san = "DNS:web.example,email:joe@web.example,IP:127.0.0.1";
  const auto v = judge(issue(s, &ca_));
  ASSERT_TRUE(v.accepted) << v.reason;
  EXPECT_EQ(v.identity, "web.example");
  EXPECT_EQ(v.names, (std::vector<std::string>{"web.example", "joe@web.example", "127.0.0.1"}));
  EXPECT_EQ(v.how, "chain");
  EXPECT_EQ(v.anchor, "CN=Root");
  EXPECT_NEAR(static_cast<double>(v.valid_until), static_cast<double>(std::time(nullptr) + 30 * day), 60);
  EXPECT_EQ(v.x509_error, 0);
}

TEST_F(Chain, EveryKeyTypeIsAccepted) {
  for (const Key& key : {p256(), owned(EVP_EC_gen("P-384")), rsa(2048), rsa(4096), ed25519()}) {
    Spec s = web();
    s.key = key;
    EXPECT_TRUE(judge(issue(s, &ca_)).accepted);
  }
}

TEST_F(Chain, IntermediateIsUsedAndItsEndCounts) {
  Spec between = ca_spec("Between");
  between.until = 2 * day;
  const Party middle = issue(between, &ca_);
  const Party leaf = issue(web(), &middle);
  const auto v = judge({leaf.der(), middle.der()});
  ASSERT_TRUE(v.accepted) << v.reason;
  EXPECT_NEAR(static_cast<double>(v.valid_until), static_cast<double>(std::time(nullptr) + 2 * day), 60);
  expect_refused(judge({leaf.der()}), "chain", "issued by CN=Between, which is not a trusted CA",
                 X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
}

TEST_F(Chain, IntermediateAloneIsNoAnchor) {
  const Party middle = issue(ca_spec("Between"), &ca_);
  Anchors only;
  ASSERT_TRUE(only.add_pem(middle.pem(), "middle.pem"));
  const auto v = judge_chain(only, {true, "web.example", {issue(web(), &middle).der(), middle.der()}, ""}, std::time(nullptr));
  EXPECT_FALSE(v.accepted);
}

TEST_F(Chain, ExpiredIsRefused) {
  Spec s = web();
  s.from = -10 * day;
  s.until = -day;
  const auto v = judge(issue(s, &ca_));
  expect_refused(v, "validity", "the peer's certificate CN=web expired on 20", X509_V_ERR_CERT_HAS_EXPIRED);
  EXPECT_EQ(v.certificate, "CN=web");
}

TEST_F(Chain, ExpiredIntermediateIsNamed) {
  Spec old = ca_spec("Old");
  old.from = -10 * day;
  old.until = -day;
  const Party middle = issue(old, &ca_);
  const auto v = judge({issue(web(), &middle).der(), middle.der()});
  expect_refused(v, "validity", "the CA certificate CN=Old expired", X509_V_ERR_CERT_HAS_EXPIRED);
  EXPECT_EQ(v.certificate, "CN=Old");
}

TEST_F(Chain, NotYetValidIsRefused) {
  Spec s = web();
  s.from = day;
  expect_refused(judge(issue(s, &ca_)), "validity", "is not valid before 20", X509_V_ERR_CERT_NOT_YET_VALID);
}

TEST_F(Chain, SelfSignedIsRefused) {
  expect_refused(judge(issue(web())), "chain", "CN=web is self-signed", X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT);
}

TEST_F(Chain, SelfSignedThatIsAnAnchorIsAccepted) {
  const Party self = issue(web());
  ASSERT_TRUE(anchors_.add_pem(self.pem(), "self.pem"));
  EXPECT_TRUE(judge(self).accepted);
}

TEST_F(Chain, UnknownCaIsRefusedAndNamed) {
  const Party other = issue(ca_spec("Stranger"));
  const Party leaf = issue(web(), &other);
  expect_refused(judge(leaf), "chain", "CN=Stranger", X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
  const auto v = judge({leaf.der(), other.der()});
  expect_refused(v, "chain", "ends in CN=Stranger, a self-signed CA", X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN);
}

TEST_F(Chain, CaOfTheSameNameButAnotherKeyIsRefused) {
  const Party impostor = issue(ca_spec("Root"));
  const auto v = judge({issue(web(), &impostor).der(), impostor.der()});
  EXPECT_FALSE(v.accepted);
  EXPECT_EQ(v.check, "chain");
}

TEST_F(Chain, LeafAsIssuerIsRefused) {
  const Party leaf = issue(web(), &ca_);
  Spec s = web();
  s.cn = "forged";
  expect_refused(judge({issue(s, &leaf).der(), leaf.der()}), "purpose", "is not a CA", X509_V_ERR_INVALID_CA);
}

TEST_F(Chain, WrongPurposeIsRefusedInBothRoles) {
  const Party server = issue(web(), &ca_);
  expect_refused(judge(server, "web.example", false), "purpose", "not meant for TLS clients", X509_V_ERR_INVALID_PURPOSE);
  Spec s = web();
  s.usage = "clientAuth";
  const Party client = issue(s, &ca_);
  expect_refused(judge(client), "purpose", "not meant for TLS servers", X509_V_ERR_INVALID_PURPOSE);
  EXPECT_TRUE(judge(client, "web.example", false).accepted);
  s.usage = "codeSigning";
  expect_refused(judge(issue(s, &ca_)), "purpose", "not meant for TLS servers", X509_V_ERR_INVALID_PURPOSE);
}

TEST_F(Chain, SmallKeysAreRefused) {
  Spec s = web();
  s.key = rsa(1024);
  expect_refused(judge(issue(s, &ca_)), "key-size", "a RSA key of 1024 bits", X509_V_ERR_EE_KEY_TOO_SMALL);
  Spec weak = ca_spec("Weak");
  weak.key = rsa(1024);
  const Party middle = issue(weak, &ca_);
  const auto v = judge({issue(web(), &middle).der(), middle.der()});
  expect_refused(v, "key-size", "the CA certificate CN=Weak", X509_V_ERR_CA_KEY_TOO_SMALL);
}

TEST_F(Chain, WeakDigestsAreRefused) {
  Spec root = ca_spec("RSA root");
  root.key = rsa(2048);
  const Party ca = issue(root);
  ASSERT_TRUE(anchors_.add_pem(ca.pem(), "rsa.pem"));
  for (const EVP_MD* digest : {EVP_sha1(), EVP_md5()}) {
    Spec s = web();
    s.digest = digest;
    expect_refused(judge(issue(s, &ca)), "chain", "can be forged", X509_V_ERR_CA_MD_TOO_WEAK);
  }
}

TEST_F(Chain, AlteredCertificateIsRefused) {
  Bytes der = issue(web(), &ca_).der();
  der.back() ^= 1;
  const auto v = judge({der});
  EXPECT_FALSE(v.accepted);
  EXPECT_EQ(v.check, "chain");
  EXPECT_FALSE(v.reason.empty());
}

TEST_F(Chain, MalformedIsRefusedAndNumbered) {
  const Party leaf = issue(web(), &ca_);
  expect_refused(judge({Bytes{1, 2, 3}}), "chain", "certificate 1 of 1 is malformed", X509_V_ERR_CERT_REJECTED);
  Bytes longer = leaf.der();
  longer.push_back(0);
  expect_refused(judge({leaf.der(), longer}), "chain", "certificate 2 of 2 is malformed", X509_V_ERR_CERT_REJECTED);
  expect_refused(judge({leaf.der(), {}}), "chain", "certificate 2 of 2", X509_V_ERR_CERT_REJECTED);
}

TEST_F(Chain, EmptyChainAndNoAnchorsAreRefused) {
  expect_refused(judge(std::vector<Bytes>{}), "chain", "sent no certificate", X509_V_ERR_APPLICATION_VERIFICATION);
  const Anchors none;
  const auto v = judge_chain(none, {true, "web.example", {issue(web(), &ca_).der()}, ""}, std::time(nullptr));
  expect_refused(v, "chain", "trusts no CA at all", X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
}

TEST_F(Chain, TooManyOrTooLargeIsRefusedUnread) {
  const Bytes der = issue(web(), &ca_).der();
  expect_refused(judge(std::vector<Bytes>(17, der)), "chain", "17 certificates", X509_V_ERR_CERT_CHAIN_TOO_LONG);
  expect_refused(judge({der, Bytes(max_chain_bytes)}), "chain", "bytes are looked at", X509_V_ERR_CERT_CHAIN_TOO_LONG);
  EXPECT_TRUE(judge(std::vector<Bytes>(16, der)).accepted);
}

TEST_F(Chain, NameConstraintsHold) {
  Spec between = ca_spec("Only example");
  between.constraints = "permitted;DNS:example";
  const Party middle = issue(between, &ca_);
  EXPECT_TRUE(judge({issue(web(), &middle).der(), middle.der()}).accepted);
  Spec s = web();
  s.san = "DNS:bank.test";
  const auto v = judge({issue(s, &middle).der(), middle.der()}, "bank.test");
  expect_refused(v, "name", "name constraints", X509_V_ERR_PERMITTED_VIOLATION);
}

// Nobody signed these: OpenSSL looks at names before it looks at signatures.
TEST_F(Chain, HostileNamesAndConstraintsAreRefusedUnread) {
  std::string many;
  std::string trees;
  for (int i = 0; i < 500; ++i) {
    many += (i > 0 ? ",DNS:" : "DNS:") + std::to_string(i);
    trees += (i > 0 ? ",excluded;DNS:x" : "excluded;DNS:x") + std::to_string(i);
  }
  Party above = issue(ca_spec("Root"));
  std::vector<Bytes> chain;
  for (int i = 0; i < 10; ++i) {
    Spec s = ca_spec("Level " + std::to_string(i));
    s.san = many;
    s.constraints = trees;
    above = issue(s, &above);
    chain.insert(chain.begin(), above.der());
  }
  // OpenSSL would compare every name with every constraint of every level: it is not asked.
  expect_refused(judge(chain), "chain", "too many names", X509_V_ERR_CERT_REJECTED);
}

}  // namespace
}  // namespace tlspool::trust
