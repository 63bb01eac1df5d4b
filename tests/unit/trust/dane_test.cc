// SPDX-License-Identifier: Apache-2.0
#include "trust/dane.h"

#include <gtest/gtest.h>

#include "pki.h"

namespace tlspool::trust {
namespace {

using namespace tlspool::test;
using testing::Test;
using enum TlsaUsage;
using enum TlsaSelector;
using enum TlsaMatching;

constexpr TlsaUsage usages[] = {pkix_ta, pkix_ee, dane_ta, dane_ee};
constexpr TlsaSelector selectors[] = {certificate, public_key};
constexpr TlsaMatching matchings[] = {exact, sha256, sha512};

Bytes record(const Party& about, TlsaUsage usage, TlsaSelector selector = public_key, TlsaMatching matching = sha256) {
  const auto made = make_tlsa(about.certificate.get(), usage, selector, matching);
  EXPECT_TRUE(made);
  return made ? rdata_of(*made) : Bytes();
}
Spec web_spec(long until = 30 * day) {
  Spec s;
  s.san = "DNS:web.example";
  s.usage = "serverAuth";
  s.until = until;
  return s;
}

class Dane : public Test {
 protected:
  Dane() { EXPECT_TRUE(anchors_.add_pem(root_.pem(), "root")); }
  DaneQuery query(std::vector<Bytes> records) const {
    return {std::move(records), {leaf_.der(), middle_.der(), root_.der()}, &anchors_, {"web.example"}};
  }
  DaneVerdict judge(const DaneQuery& q) const { return judge_dane(q, std::time(nullptr)); }
  void refused(const DaneQuery& q, const std::string& says) const {
    const DaneVerdict v = judge(q);
    EXPECT_FALSE(v.matched);
    EXPECT_NE(v.reason.find(says), std::string::npos) << v.reason;
  }

  Party root_ = issue(ca_spec("Root"));
  Party middle_ = issue(ca_spec("Between"), &root_);
  Party leaf_ = issue(web_spec(), &middle_);
  Party other_ = issue(web_spec(), &middle_);
  Party stranger_ = issue(ca_spec("Stranger"));
  Anchors anchors_;
};

// Who the record is about, and with which depth it holds by usage; no_match: it doesn't.
constexpr int no_match = -1;
struct Row {
  const char* about;
  int by_usage[4];  // PKIX-TA, PKIX-EE, DANE-TA, DANE-EE
};
// Selector and matching type never change whether a record holds for a chain that has all its certificates.
constexpr Row anchored[] = {
    {"leaf", {no_match, 0, no_match, 0}},
    {"middle", {1, no_match, 1, no_match}},
    {"root", {2, no_match, 2, no_match}},
    {"other leaf", {no_match, no_match, no_match, no_match}},
    {"stranger", {no_match, no_match, no_match, no_match}},
};
// The same chain where no anchor vouches for it: PKIX-TA and PKIX-EE need one.
constexpr Row unanchored[] = {
    {"leaf", {no_match, no_match, no_match, 0}},
    {"middle", {no_match, no_match, 1, no_match}},
    {"root", {no_match, no_match, 2, no_match}},
    {"other leaf", {no_match, no_match, no_match, no_match}},
    {"stranger", {no_match, no_match, no_match, no_match}},
};

class DaneMatrix : public Dane {
 protected:
  const Party& party(const std::string& name) const {
    if (name == "leaf") return leaf_;
    if (name == "middle") return middle_;
    if (name == "root") return root_;
    return name == "other leaf" ? other_ : stranger_;
  }
  void check(const Row& row, const Anchors& anchors) const {
    for (const TlsaUsage usage : usages) {
      for (const TlsaSelector selector : selectors) {
        for (const TlsaMatching matching : matchings) {
          DaneQuery q = query({record(party(row.about), usage, selector, matching)});
          q.anchors = &anchors;
          const DaneVerdict v = judge(q);
          const int expected = row.by_usage[static_cast<int>(usage)];
          EXPECT_EQ(v.matched ? static_cast<int>(v.depth) : no_match, expected) << row.about << " " << tlsa_text(*parse_tlsa(q.records[0])) << " " << v.reason;
          EXPECT_EQ(v.reason.empty(), v.matched);
          EXPECT_EQ(v.usable, 1U);
          // One changed bit of the data is another record. But a whole certificate is an anchor by its name and key: the
          // signature on it, where that bit is, counts for nothing.
          q.records[0].back() ^= 1;
          const bool anchor = usage == dane_ta && selector == certificate && matching == exact;
          EXPECT_EQ(judge(q).matched, anchor && v.matched) << row.about;
        }
      }
    }
  }
};

TEST_F(DaneMatrix, EveryUsageSelectorAndMatchingTypeWithAnAnchor) {
  for (const Row& row : anchored) check(row, anchors_);
}

TEST_F(DaneMatrix, EveryUsageSelectorAndMatchingTypeWithoutAnAnchor) {
  const Anchors none;
  for (const Row& row : unanchored) check(row, none);
}

TEST_F(Dane, TheRecordItselfSuppliesAnAnchorThatWasNotSent) {
  struct Case {
    TlsaSelector selector;
    TlsaMatching matching;
    bool matched;
  };
  const Case cases[] = {{certificate, exact, true},   {public_key, exact, true},   {certificate, sha256, false},
                        {public_key, sha256, false}, {certificate, sha512, false}, {public_key, sha512, false}};
  for (const Case& c : cases) {
    DaneQuery q = query({record(root_, dane_ta, c.selector, c.matching)});
    q.chain.pop_back();
    const DaneVerdict v = judge(q);
    EXPECT_EQ(v.matched, c.matched) << static_cast<int>(c.selector) << static_cast<int>(c.matching) << v.reason;
    if (c.matched) {
      EXPECT_EQ(v.depth, 2U);
    }
    q.records = {record(stranger_, dane_ta, c.selector, c.matching)};
    EXPECT_FALSE(judge(q).matched);
  }
}

TEST_F(Dane, AnAnchorInTheRecordMayHaveSignedTheLeafItself) {
  DaneQuery q = query({record(middle_, dane_ta, public_key, exact)});
  q.chain = {leaf_.der()};
  EXPECT_EQ(judge(q).depth, 1U);
  q.records = {record(middle_, dane_ta, certificate, exact)};
  EXPECT_TRUE(judge(q).matched);
}

TEST_F(Dane, SelfSignedLeafIsNoAuthorityAboveItself) {
  const Party own = issue(web_spec());
  for (const TlsaSelector selector : selectors) {
    for (const TlsaMatching matching : matchings) {
      DaneQuery q = query({record(own, dane_ta, selector, matching)});
      q.chain = {own.der()};
      EXPECT_FALSE(judge(q).matched);
      q.records = {record(own, dane_ee, selector, matching)};
      EXPECT_TRUE(judge(q).matched);
    }
  }
}

TEST_F(Dane, OnlyDaneEeDoesWithoutNamesAndDates) {
  const Party old = issue(web_spec(-day / 2), &middle_);
  for (const TlsaUsage usage : usages) {
    const bool of_leaf = usage == pkix_ee || usage == dane_ee;
    DaneQuery q = query({record(of_leaf ? leaf_ : middle_, usage)});
    q.names = {"else.example"};
    EXPECT_EQ(judge(q).matched, usage == dane_ee) << static_cast<int>(usage);
    q.names = {"else.example", "web.example"};  // any one
    EXPECT_TRUE(judge(q).matched);
    q.names.clear();
    EXPECT_TRUE(judge(q).matched);
    q.chain.front() = old.der();
    if (of_leaf) q.records = {record(old, usage)};
    EXPECT_EQ(judge(q).matched, usage == dane_ee) << static_cast<int>(usage);
  }
}

TEST_F(Dane, UsageOfTheCertificateCountsForPathsAndForBothRoles) {
  DaneQuery q = query({record(middle_, dane_ta)});
  q.peer_is_server = false;
  refused(q, "DANE-TA");
  q.any_usage = true;
  EXPECT_TRUE(judge(q).matched);
  Spec client = web_spec();
  client.usage = "clientAuth";
  const Party joe = issue(client, &middle_);
  q.any_usage = false;
  q.chain.front() = joe.der();
  EXPECT_TRUE(judge(q).matched);
}

TEST_F(Dane, WeakKeysAreRefusedWithAnyUsage) {
  Spec weak = web_spec();
  weak.key = rsa(1024);
  const Party leaf = issue(weak, &middle_);
  for (const TlsaUsage usage : usages) {
    DaneQuery q = query({record(usage == pkix_ee || usage == dane_ee ? leaf : middle_, usage)});
    q.chain.front() = leaf.der();
    EXPECT_FALSE(judge(q).matched) << static_cast<int>(usage);
  }
}

TEST_F(Dane, SeveralRecordsAreARollover) {
  DaneQuery q = query({record(other_, dane_ee), record(leaf_, dane_ee)});
  const DaneVerdict v = judge(q);
  ASSERT_TRUE(v.matched);
  EXPECT_EQ(v.record, 1U);
  EXPECT_EQ(v.valid_until, 0);
}

TEST_F(Dane, StrongerDigestStandsForTheWeakerOne) {
  refused(query({record(leaf_, dane_ee, public_key, sha256), record(other_, dane_ee, public_key, sha512)}), "SHA-512 record");
  EXPECT_TRUE(judge(query({record(leaf_, dane_ee, public_key, sha256), record(leaf_, dane_ee, public_key, sha512)})).matched);
  EXPECT_TRUE(judge(query({record(leaf_, dane_ee, public_key, sha256), record(other_, dane_ee, certificate, sha512)})).matched);
  EXPECT_TRUE(judge(query({record(leaf_, dane_ee, public_key, exact), record(other_, dane_ee, public_key, sha512)})).matched);
}

TEST_F(Dane, UnusableRecordsAreSkippedAndTold) {
  Bytes unknown = record(leaf_, dane_ee);
  unknown[0] = 4;
  const DaneVerdict v = judge(query({unknown, record(leaf_, dane_ee)}));
  EXPECT_TRUE(v.matched);
  EXPECT_EQ(v.usable, 1U);
  const DaneVerdict none = judge(query({unknown, Bytes{3, 1}}));
  EXPECT_FALSE(none.matched);
  EXPECT_EQ(none.usable, 0U);
  refused(query({unknown}), "certificate usage 4 is unknown");
  refused(query({}), "no TLSA record");
}

TEST_F(Dane, MoreRecordsThanAnHonestSetAreNotLookedAt) {
  std::vector<Bytes> many(max_tlsa_records, record(other_, dane_ee));
  many.push_back(record(leaf_, dane_ee));
  EXPECT_FALSE(judge(query(many)).matched);
  many.erase(many.begin());
  EXPECT_TRUE(judge(query(many)).matched);
}

TEST_F(Dane, BrokenChainsAreRefused) {
  DaneQuery q = query({record(leaf_, dane_ee)});
  q.chain.clear();
  refused(q, "no certificate");
  q.chain = {Bytes{0x30, 0x00}};
  refused(q, "malformed");
  // The anchor of the record is there, but did not sign: names alone make no path.
  const Party forged = issue(web_spec(), &stranger_);
  q = query({record(middle_, dane_ta)});
  q.chain.front() = forged.der();
  EXPECT_FALSE(judge(q).matched);
}

}  // namespace
}  // namespace tlspool::trust
