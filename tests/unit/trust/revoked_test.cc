// SPDX-License-Identifier: Apache-2.0
#include "trust/revoked.h"

#include <gtest/gtest.h>

#include "pki.h"

namespace tlspool::trust {
namespace {

wire::RevokedRow row(std::string_view text, const std::string& issuer = {}) {
  auto out = parse_revocation(text, issuer, 1000);
  EXPECT_TRUE(out) << out.error().text();
  return out.value_or(wire::RevokedRow{});
}

std::string form(std::string_view text) { return text_of(row(text)); }

TEST(Revoked, WhatWasTypedIsRead) {
  const std::string digest(64, 'a');
  EXPECT_EQ(form(".Example"), "selector .example");
  EXPECT_EQ(form("@example.ORG"), "selector @example.org");
  EXPECT_EQ(form("serial:00:0A:bC"), "serial 0abc");
  EXPECT_EQ(form("1A2"), "serial 01a2");
  EXPECT_EQ(form("ab:cd:ef:01:23:45:67:89"), "serial abcdef0123456789");
  EXPECT_EQ(form("spki:" + digest), "key " + digest);
  EXPECT_EQ(form(digest), "key " + digest);
  EXPECT_EQ(form("selector:cafe"), "selector cafe");
  EXPECT_EQ(form("cafe"), "serial cafe");
  EXPECT_EQ(form("192.0.2.1"), "selector 192.0.2.1");
  EXPECT_EQ(form("2001:db8::1"), "selector 2001:db8::1");
  EXPECT_EQ(form("::1"), "selector ::1");
  EXPECT_EQ(text_of(row("serial:1", "CN=CA,O=X")), "serial 01 of CN=CA,O=X");
}

TEST(Revoked, WhatIsNothingIsRefused) {
  for (const char* text : {"", ":", "serial:", "serial:xyz", "serial:0", "serial:00", "spki:ab", "*.example", "a b", "a..b", "selector:",
                           "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}) {
    EXPECT_FALSE(parse_revocation(text, "", 1)) << text;
  }
  EXPECT_FALSE(parse_revocation("a.example", "CN=CA", 1));
}

PeerFacts peer(std::vector<std::string> names) { return {std::move(names), {}}; }

TEST(Revoked, SelectorsAreOfAnyName) {
  Revoked list;
  list.add(row(".clients.example"));
  list.add(row("joe@.other.example"));
  EXPECT_TRUE(list.find(peer({"www.clients.example"})));
  EXPECT_TRUE(list.find(peer({"good.example", "WWW.clients.example"})));
  EXPECT_TRUE(list.find(peer({"*.clients.example"})));
  EXPECT_TRUE(list.find(peer({"joe@a.other.example"})));
  EXPECT_FALSE(list.find(peer({"clients.example"})));
  EXPECT_FALSE(list.find(peer({"joe@a.clients.example"})));
  EXPECT_FALSE(list.find(peer({"mary@a.other.example"})));
  EXPECT_FALSE(list.find(peer({"", "spiffe://a/b"})));
}

TEST(Revoked, CertificatesAndKeysAreKnownByTheirFacts) {
  test::Spec spec;
  spec.san = "DNS:a.example";
  const test::Party ca = test::issue(test::ca_spec("Some CA"));
  const test::Party leaf = test::issue(spec, &ca);
  const LeafFacts facts = facts_of(leaf.certificate.get());
  EXPECT_EQ(facts.key, tls::spki_digest(leaf.certificate.get()));
  EXPECT_EQ(facts.issuer, "CN=Some CA");
  const wire::RevokedRow any{wire::RevokedBy::serial, {}, facts.serial, {}, 1};
  wire::RevokedRow ours = any;
  ours.issuer = "CN=Some CA";
  wire::RevokedRow others = any;
  others.issuer = "CN=Other CA";
  const wire::RevokedRow key{wire::RevokedBy::key, {}, facts.key, {}, 1};
  for (const auto& [entry, hit] : {std::pair(any, true), std::pair(ours, true), std::pair(others, false), std::pair(key, true)}) {
    Revoked list;
    list.add(entry);
    EXPECT_EQ(list.find({{"a.example"}, facts}) != nullptr, hit) << text_of(entry);
    EXPECT_EQ(list.find({{"a.example"}, {}}), nullptr);
  }
}

TEST(Revoked, ARowIsThereOnceWhenItWasAddedTwice) {
  Revoked list;
  EXPECT_EQ(list.digest(), Bytes{});
  EXPECT_TRUE(list.add(row(".example")));
  const Bytes digest = list.digest();
  wire::RevokedRow later = row(".example");
  later.added = 5;
  EXPECT_FALSE(list.add(later));
  EXPECT_EQ(list.digest(), digest);
  EXPECT_TRUE(list.add(row("other.example")));
  EXPECT_NE(list.digest(), digest);
  EXPECT_TRUE(list.remove(later));
  EXPECT_FALSE(list.remove(later));
  EXPECT_EQ(list.size(), 1u);
}

TEST(Revoked, ComesBackFromItsText) {
  Revoked list;
  list.add(row(".example"));
  list.add(row("serial:1234", "CN=Some CA,O=With blanks"));
  list.add(row(std::string(64, 'b')));
  const auto again = Revoked::parse(list.text(), "revoked");
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ(again->digest(), list.digest());
  EXPECT_EQ(again->rows().size(), 3u);
}

TEST(Revoked, ATextThatIsBrokenIsRefusedWithItsLine) {
  for (const char* text : {"", "tlspool pins 1\nend 0\n", "tlspool revoked 1\nselector .example - 1000\n", "tlspool revoked 1\nselector .example - 1000\nend 2\n",
                           "tlspool revoked 1\nselector .example - 1000\nselector .example - 1001\nend 2\n", "tlspool revoked 1\nselector .example CN=X 1\nend 1\n",
                           "tlspool revoked 1\nserial xyz - 1\nend 1\n", "tlspool revoked 1\nkey abcd - 1\nend 1\n", "tlspool revoked 1\nother a - 1\nend 1\n",
                           "tlspool revoked 1\nselector .example - soon\nend 1\n", "tlspool revoked 1\nselector .example -\nend 1\n"}) {
    const auto read = Revoked::parse(text, "dir/revoked");
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().subject.rfind("dir/revoked:", 0), 0u) << read.error().text();
  }
}

}  // namespace
}  // namespace tlspool::trust
