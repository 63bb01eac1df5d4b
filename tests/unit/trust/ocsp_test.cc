// SPDX-License-Identifier: Apache-2.0
#include "trust/ocsp.h"

#include <gtest/gtest.h>

#include "revocation_pki.h"
#include "trust/revocation_facts.h"

namespace tlspool::trust::ocsp_tests {
namespace {

using namespace tlspool::test;

struct OcspWorld {
  Party ca = issue(ca_spec("ca"));
  Party other_ca = issue(ca_spec("other"));
  Party leaf = issue({}, &ca);
  Party neighbour = issue({}, &ca);
};
const OcspWorld& ocsp_world() {
  static const OcspWorld w;
  return w;
}
Result<OcspAnswer> read_answer(const Bytes& response, Bytes nonce = {}, const OcspRules& rules = {}) {
  OcspRules r = rules;
  r.now = std::time(nullptr);
  r.nonce = std::move(nonce);
  return read_ocsp_response(response, ocsp_world().leaf.certificate.get(), ocsp_world().ca.certificate.get(), r);
}
Result<OcspAnswer> answer_to(const ResponseSpec& spec) { return read_answer(make_response(ocsp_world().leaf, ocsp_world().ca, spec)); }
std::string ocsp_refusal(const ResponseSpec& spec) {
  const auto answer = answer_to(spec);
  return answer ? "" : answer.error().reason;
}

TEST(Ocsp, GoodRevokedUnknown) {
  const auto good = answer_to({});
  ASSERT_TRUE(good) << good.error().text();
  EXPECT_EQ(good->status, OcspAnswer::Status::good);
  EXPECT_NEAR(static_cast<double>(good->next_update), static_cast<double>(std::time(nullptr) + day), 5);
  const auto revoked = answer_to({.status = V_OCSP_CERTSTATUS_REVOKED});
  ASSERT_TRUE(revoked);
  EXPECT_EQ(revoked->status, OcspAnswer::Status::revoked);
  EXPECT_EQ(revoked->reason, "keyCompromise");
  EXPECT_GT(revoked->revoked_at, 0);
  EXPECT_EQ(answer_to({.status = V_OCSP_CERTSTATUS_UNKNOWN})->status, OcspAnswer::Status::unknown);
}

TEST(Ocsp, NamesByOtherDigestsCount) { EXPECT_EQ(ocsp_refusal({.names = EVP_sha256()}), ""); }

TEST(Ocsp, ADelegatedResponderSigns) {
  const Party responder = responder_of(ocsp_world().ca);
  EXPECT_EQ(ocsp_refusal({.signer = &responder}), "");
}

TEST(Ocsp, OthersDoNot) {
  const OcspWorld& w = ocsp_world();
  const Party tls_server = responder_of(w.ca, "serverAuth");
  EXPECT_NE(ocsp_refusal({.signer = &tls_server}).find("OCSPSigning"), std::string::npos);
  const Party of_another = responder_of(w.other_ca);
  EXPECT_NE(ocsp_refusal({.signer = &of_another}).find("another issuer"), std::string::npos);
  EXPECT_NE(ocsp_refusal({.signer = &w.other_ca}).find("another issuer"), std::string::npos);
  const Party same_name_ca = issue(ca_spec("ca"));
  EXPECT_NE(ocsp_refusal({.signer = &same_name_ca}).find("its signature is not of"), std::string::npos);
  const Party of_impostor = responder_of(same_name_ca);
  EXPECT_NE(ocsp_refusal({.signer = &of_impostor}).find("did not sign"), std::string::npos);
  const Party responder = responder_of(w.ca);
  EXPECT_NE(ocsp_refusal({.signer = &responder, .with_certificate = false}).find("has no certificate in it"), std::string::npos);
  Spec late;
  late.usage = "OCSPSigning";
  late.from = -3 * day;
  late.until = -day;
  const Party expired = issue(late, &w.ca);
  EXPECT_NE(ocsp_refusal({.signer = &expired}).find("not valid now"), std::string::npos);
}

TEST(Ocsp, DatesCount) {
  EXPECT_NE(ocsp_refusal({.from = -3 * day, .until = -day}).find("out of date"), std::string::npos);
  EXPECT_NE(ocsp_refusal({.from = day, .until = 2 * day}).find("future"), std::string::npos);
  EXPECT_NE(ocsp_refusal({.from = -8 * day, .until = day}).find("older than"), std::string::npos);
  EXPECT_NE(ocsp_refusal({.from = -8 * day, .until = std::nullopt}).find("older than"), std::string::npos);
  EXPECT_NE(ocsp_refusal({.from = 0, .until = -2 * day}).find("before this one"), std::string::npos);
  const auto open = answer_to({.until = std::nullopt});
  ASSERT_TRUE(open);
  EXPECT_NEAR(static_cast<double>(open->next_update), static_cast<double>(std::time(nullptr) - 3600 + 7 * day), 5);
}

TEST(Ocsp, AnAnswerForAnotherCertificateProvesNothing) {
  const auto answer = read_answer(make_response(ocsp_world().neighbour, ocsp_world().ca));
  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().reason.find("another certificate"), std::string::npos);
}

TEST(Ocsp, WeakDigestsDoNotCount) { EXPECT_NE(ocsp_refusal({.digest = EVP_sha1()}).find("too weak"), std::string::npos); }

TEST(Ocsp, ANonceIsOptionalButNotAnother) {
  const OcspWorld& w = ocsp_world();
  const auto ours = make_ocsp_request(w.leaf.certificate.get(), w.ca.certificate.get(), Nonce::random).value();
  const auto theirs = make_ocsp_request(w.leaf.certificate.get(), w.ca.certificate.get(), Nonce::random).value();
  EXPECT_EQ(ours.nonce.size(), 32u);
  EXPECT_NE(ours.nonce, theirs.nonce);
  EXPECT_TRUE(read_answer(make_response(w.leaf, w.ca), ours.nonce));
  EXPECT_TRUE(read_answer(make_response(w.leaf, w.ca, {.request = ours.der}), ours.nonce));
  EXPECT_TRUE(read_answer(make_response(w.leaf, w.ca, {.request = ours.der})));
  const auto other = read_answer(make_response(w.leaf, w.ca, {.request = theirs.der}), ours.nonce);
  ASSERT_FALSE(other);
  EXPECT_NE(other.error().reason.find("nonce"), std::string::npos);
}

TEST(Ocsp, TheResponderMayRefuse) {
  const std::unique_ptr<OCSP_RESPONSE, Freed<OCSP_RESPONSE_free>> response{OCSP_response_create(OCSP_RESPONSE_STATUS_TRYLATER, nullptr)};
  unsigned char* raw = nullptr;
  const int size = i2d_OCSP_RESPONSE(response.get(), &raw);
  const auto answer = read_answer(Bytes(raw, raw + size));
  OPENSSL_free(raw);
  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().reason.find("trylater"), std::string::npos) << answer.error().text();
}

TEST(Ocsp, GarbageIsNoAnswer) {
  const Bytes good = make_response(ocsp_world().leaf, ocsp_world().ca);
  for (std::size_t n = 0; n < good.size(); ++n) EXPECT_FALSE(read_answer(Bytes(good.begin(), good.begin() + static_cast<long>(n))));
  Bytes longer = good;
  longer.push_back(0);
  EXPECT_FALSE(read_answer(longer));
  EXPECT_FALSE(read_answer(copy_of(view("<html>"))));
  EXPECT_FALSE(read_answer(Bytes(max_ocsp_bytes + 1, 0x30)));
}

TEST(Ocsp, AChangedByteTurnsNoAnswerIntoAnother) {
  const Bytes revoked = make_response(ocsp_world().leaf, ocsp_world().ca, {.status = V_OCSP_CERTSTATUS_REVOKED, .with_certificate = false});
  for (std::size_t i = 0; i < revoked.size(); ++i) {
    Bytes changed = revoked;
    changed[i] ^= 1;
    const auto answer = read_answer(changed);
    EXPECT_TRUE(!answer || answer->status == OcspAnswer::Status::revoked) << "byte " << i;
  }
}

TEST(Ocsp, CertificatesNameWhereToAsk) {
  Spec spec;
  spec.more = {{NID_info_access, "OCSP;URI:http://ocsp.example/a,OCSP;URI:ldap://x/,caIssuers;URI:http://no.example/,OCSP;URI:https://b.example/"},
               {NID_crl_distribution_points, "URI:http://crl.example/1,URI:http://crl.example/1,URI:ldap://x/"},
               {NID_tlsfeature, "status_request"}};
  const Party p = issue(spec, &ocsp_world().ca);
  EXPECT_EQ(ocsp_urls(p.certificate.get()), (std::vector<std::string>{"http://ocsp.example/a", "https://b.example/"}));
  EXPECT_EQ(crl_urls(p.certificate.get()), std::vector<std::string>{"http://crl.example/1"});
  EXPECT_TRUE(must_staple(p.certificate.get()));
  EXPECT_TRUE(ocsp_urls(ocsp_world().leaf.certificate.get()).empty());
  EXPECT_TRUE(crl_urls(ocsp_world().leaf.certificate.get()).empty());
  EXPECT_FALSE(must_staple(ocsp_world().leaf.certificate.get()));
}

}  // namespace
}  // namespace tlspool::trust::ocsp_tests
