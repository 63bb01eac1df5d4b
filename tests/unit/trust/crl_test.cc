// SPDX-License-Identifier: Apache-2.0
#include "trust/crl.h"

#include <gtest/gtest.h>

#include "revocation_pki.h"

namespace tlspool::trust::crl_tests {
namespace {

using namespace tlspool::test;

struct World {
  Party ca = issue(ca_spec("ca"));
  Party other_ca = issue(ca_spec("other"));
  Party good = issue({}, &ca);
  Party bad = issue({}, &ca);
};
const World& world() {
  static const World w;
  return w;
}

Result<Crl> read(const Bytes& der) {
  auto lists = Crl::read(der, 1 << 20, "test");
  if (!lists) return fail(std::move(lists.error()));
  EXPECT_EQ(lists->size(), 1u);
  return std::move(lists->front());
}
std::string refusal(const Bytes& der) {
  const auto crl = read(der);
  return crl ? "" : crl.error().reason;
}
Crl verified(const Party& issuer, const ListSpec& spec) {
  auto crl = read(make_list(issuer, spec)).value();
  const auto done = crl.verify(issuer.certificate.get());
  EXPECT_TRUE(done) << done.error().text();
  return crl;
}
Crl::Entry find(const Crl& crl, const Party& party) { return crl.find(serial_of(party.certificate.get())); }

TEST(Crl, SaysWhatIsOnIt) {
  const World& w = world();
  const Crl crl = verified(w.ca, {.revoked = {{&w.bad}}, .others = 1000});
  EXPECT_EQ(crl.count(), 1001u);
  EXPECT_EQ(find(crl, w.bad), Crl::Entry::revoked);
  EXPECT_EQ(find(crl, w.good), Crl::Entry::none);
  EXPECT_TRUE(crl.verified_by(w.ca.certificate.get()));
  EXPECT_FALSE(crl.verified_by(w.other_ca.certificate.get()));
  EXPECT_EQ(crl.out_of_date(std::time(nullptr)), "");
}

TEST(Crl, AnEmptyListIsAList) {
  const World& w = world();
  EXPECT_EQ(find(verified(w.ca, {}), w.bad), Crl::Entry::none);
}

TEST(Crl, ReadsPemOfSeveral) {
  const World& w = world();
  std::string pem;
  for (const Party* ca : {&w.ca, &w.other_ca}) {
    const tls::BioPtr bio{BIO_new(BIO_s_mem())};
    const Bytes der = make_list(*ca, {});
    PEM_write_bio(bio.get(), "X509 CRL", "", der.data(), static_cast<long>(der.size()));
    char* text = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &text);
    pem.append(text, static_cast<std::size_t>(size));
  }
  const auto lists = Crl::read(view(pem), 1 << 20, "test");
  ASSERT_TRUE(lists) << lists.error().text();
  ASSERT_EQ(lists->size(), 2u);
  EXPECT_TRUE((*lists)[0].issued_by(w.ca.certificate.get()));
  EXPECT_TRUE((*lists)[1].issued_by(w.other_ca.certificate.get()));
}

TEST(Crl, AnotherIssuersListSaysNothing) {
  const World& w = world();
  auto crl = read(make_list(w.other_ca, {})).value();
  EXPECT_FALSE(crl.verify(w.ca.certificate.get()));
  // The same name with another key.
  const Party impostor = issue(ca_spec("ca"));
  auto forged = read(make_list(impostor, {})).value();
  const auto done = forged.verify(w.ca.certificate.get());
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().reason.find("signature"), std::string::npos) << done.error().text();
  EXPECT_TRUE(forged.verify(impostor.certificate.get()));
  EXPECT_FALSE(forged.verify(w.ca.certificate.get()));
}

TEST(Crl, AChangedByteIsFound) {
  const World& w = world();
  const Bytes der = make_list(w.ca, {.revoked = {{&w.bad}}});
  for (std::size_t i = 0; i < der.size(); ++i) {
    Bytes changed = der;
    changed[i] ^= 1;
    auto crl = read(changed);
    EXPECT_FALSE(crl && crl->verify(w.ca.certificate.get())) << "byte " << i;
  }
}

TEST(Crl, EveryCutIsFound) {
  const Bytes der = make_list(world().ca, {.revoked = {{&world().bad}}});
  for (std::size_t n = 0; n < der.size(); ++n) EXPECT_FALSE(read(Bytes(der.begin(), der.begin() + static_cast<long>(n)))) << n;
}

TEST(Crl, AnIssuerThatMayNotSignListsDoesNot) {
  Spec spec = ca_spec("no lists");
  spec.key_usage = "critical,keyCertSign";
  const Party ca = issue(spec);
  auto crl = read(make_list(ca, {})).value();
  const auto done = crl.verify(ca.certificate.get());
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().reason.find("key usage"), std::string::npos);
}

TEST(Crl, WeakDigestsDoNotCount) {
  auto crl = read(make_list(world().ca, {.digest = EVP_sha1()})).value();
  const auto done = crl.verify(world().ca.certificate.get());
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().reason.find("too weak"), std::string::npos) << done.error().text();
}

TEST(Crl, KeysOfEveryKind) {
  for (const Key& key : {rsa(2048), ed25519()}) {
    Spec spec = ca_spec("another key");
    spec.key = key;
    const Party ca = issue(spec);
    const Party leaf = issue({}, &ca);
    EXPECT_EQ(find(verified(ca, {.revoked = {{&leaf}}}), leaf), Crl::Entry::revoked);
  }
}

TEST(Crl, DatesCount) {
  const World& w = world();
  const std::int64_t now = std::time(nullptr);
  EXPECT_NE(verified(w.ca, {.from = -2 * day, .until = -day}).out_of_date(now).find("out of date"), std::string::npos);
  EXPECT_NE(verified(w.ca, {.from = day, .until = 2 * day}).out_of_date(now).find("future"), std::string::npos);
  EXPECT_NE(refusal(make_list(w.ca, {.until = std::nullopt})).find("when the next one comes"), std::string::npos);
  EXPECT_NE(refusal(make_list(w.ca, {.from = 0, .until = -day})).find("not after"), std::string::npos);
}

TEST(Crl, ListsThatAreNotForTheCertificate) {
  const World& w = world();
  const Crl users = verified(w.ca, {.more = {{NID_issuing_distribution_point, "critical,onlyuser:TRUE"}}});
  EXPECT_EQ(users.not_for(w.good.certificate.get()), "");
  EXPECT_NE(users.not_for(w.ca.certificate.get()), "");
  const Crl cas = verified(w.ca, {.more = {{NID_issuing_distribution_point, "critical,onlyCA:TRUE"}}});
  EXPECT_NE(cas.not_for(w.good.certificate.get()), "");
  EXPECT_EQ(cas.not_for(w.ca.certificate.get()), "");
}

TEST(Crl, AListOfOneDistributionPointIsForTheCertificatesThatNameIt) {
  const World& w = world();
  // "issuingDistributionPoint = fullname:..." needs a section in OpenSSL's configuration; here it is in DER.
  const std::string idp = "critical,DER:30:17:A0:15:A0:13:86:11:68:74:74:70:3a:2f:2f:61:2e:65:78:61:6d:70:6c:65:2f";
  const Crl crl = verified(w.ca, {.more = {{NID_issuing_distribution_point, idp}}});
  Spec here;
  here.more = {{NID_crl_distribution_points, "URI:http://a.example/"}};
  Spec elsewhere;
  elsewhere.more = {{NID_crl_distribution_points, "URI:http://b.example/"}};
  EXPECT_EQ(crl.not_for(issue(here, &w.ca).certificate.get()), "");
  EXPECT_NE(crl.not_for(issue(elsewhere, &w.ca).certificate.get()), "");
  EXPECT_NE(crl.not_for(w.good.certificate.get()), "");
}

TEST(Crl, WhatCantBeUnderstoodIsRefused) {
  const World& w = world();
  EXPECT_NE(refusal(make_list(w.ca, {.more = {{NID_issuing_distribution_point, "critical,indirectCRL:TRUE"}}})).find("indirect"), std::string::npos);
  EXPECT_NE(refusal(make_list(w.ca, {.more = {{NID_issuing_distribution_point, "critical,onlyAA:TRUE"}}})).find("attribute"), std::string::npos);
  EXPECT_NE(refusal(make_list(w.ca, {.more = {{NID_issuing_distribution_point, "critical,onlysomereasons:keyCompromise"}}})).find("some reasons"),
            std::string::npos);
  EXPECT_NE(refusal(make_list(w.ca, {.more = {{NID_netscape_comment, "critical,hello"}}})).find("critical extension"), std::string::npos);
  EXPECT_EQ(refusal(make_list(w.ca, {.more = {{NID_netscape_comment, "hello"}}})), "");
  EXPECT_NE(refusal(w.ca.der()), "");
  EXPECT_NE(refusal(copy_of(view("-----BEGIN NOTHING-----"))), "");
  EXPECT_NE(refusal({}), "");
}

TEST(Crl, TooLargeIsRefusedUnread) {
  const auto lists = Crl::read(Bytes(1001, 0x30), 1000, "big.crl");
  ASSERT_FALSE(lists);
  EXPECT_NE(lists.error().text().find("big.crl: it is larger than 1000 bytes; raise list_bytes"), std::string::npos) << lists.error().text();
}

TEST(Crl, ADeltaListContinuesAWholeOne) {
  const World& w = world();
  const Party held = issue({}, &w.ca);
  const Crl base = verified(w.ca, {.revoked = {{&held, 6}}, .number = 10});
  const Crl delta = verified(w.ca, {.revoked = {{&w.bad}, {&held, 8}}, .number = 12, .base = 10});
  EXPECT_FALSE(base.delta());
  EXPECT_TRUE(delta.delta());
  EXPECT_EQ(delta.does_not_continue(base), "");
  EXPECT_EQ(find(delta, w.bad), Crl::Entry::revoked);
  EXPECT_EQ(find(delta, held), Crl::Entry::removed);
  EXPECT_EQ(find(base, held), Crl::Entry::revoked);
  EXPECT_NE(verified(w.ca, {.number = 300, .base = 11}).does_not_continue(base), "");
  EXPECT_NE(verified(w.ca, {.number = 9, .base = 8}).does_not_continue(base), "");
  EXPECT_TRUE(verified(w.ca, {.number = 9, .base = 8}).superseded_by(base));
  EXPECT_FALSE(delta.superseded_by(base));
  EXPECT_FALSE(verified(w.other_ca, {.number = 9, .base = 8}).superseded_by(base));
  EXPECT_NE(verified(w.other_ca, {.number = 12, .base = 10}).does_not_continue(base), "");
  EXPECT_NE(base.does_not_continue(base), "");
  EXPECT_NE(refusal(make_list(w.ca, {.number = 0, .base = 10})).find("without a number"), std::string::npos);
}

TEST(Crl, SerialNumbersOfEverySize) {
  const World& w = world();
  std::vector<Party> parties;
  ListSpec spec;
  for (const char* hex : {"0", "7f", "80", "ff", "100", "ffffffffffffffff", "80000000000000000000000000000000", "-5"}) {
    Party p = issue({}, &w.ca);
    BIGNUM* n = nullptr;
    BN_hex2bn(&n, hex);
    BN_to_ASN1_INTEGER(n, X509_get_serialNumber(p.certificate.get()));
    BN_free(n);
    parties.push_back(std::move(p));
  }
  for (const Party& p : parties) spec.revoked.push_back({&p});
  const Crl crl = verified(w.ca, spec);
  for (const Party& p : parties) EXPECT_EQ(find(crl, p), Crl::Entry::revoked);
  EXPECT_EQ(find(crl, w.good), Crl::Entry::none);
}

}  // namespace
}  // namespace tlspool::trust::crl_tests
