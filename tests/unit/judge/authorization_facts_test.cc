// SPDX-License-Identifier: Apache-2.0
// What rules are told of a peer: of its names those alone that somebody vouches for.
#include <gtest/gtest.h>

#include "../trust/pki.h"
#include "judge/authorization.h"

namespace tlspool::judge {
namespace {

using namespace tlspool::test;

Subject subject_of(const Party& leaf, const Party& anchor) {
  Subject out;
  auto anchors = std::make_shared<trust::Anchors>();
  EXPECT_TRUE(anchors->add_pem(anchor.pem(), "anchor"));
  out.anchors = anchors;
  out.now = std::time(nullptr);
  out.query.peer_is_server = false;
  out.query.chain = {leaf.der()};
  out.query.service = "imap";
  out.query.local = "mail.example";
  out.query.caller = {33, "/usr/sbin/imapd"};
  trust::KnownCertificates known;
  auto presented = trust::present(*anchors, known, out.query, out.now);
  EXPECT_TRUE(presented);
  if (presented) out.presented = std::move(*presented);
  return out;
}

Party client(const Party& ca) {
  Spec s;
  s.san = "email:Joe@Clients.Example,URI:spiffe://td/x";
  s.usage = "clientAuth";
  return issue(s, &ca);
}

wire::ChainVerdict verdict(const std::string& identity, const std::string& how) {
  wire::ChainVerdict v;
  v.accepted = true;
  v.identity = identity;
  v.how = how;
  return v;
}

TEST(FactsOfAPeer, WhereATrustAnchorVouchesAllNamesCount) {
  const Party ca = issue(ca_spec("Root"));
  const auto facts = facts_of(subject_of(client(ca), ca), verdict("Joe@Clients.Example", "chain"));
  EXPECT_EQ(facts.remote, "Joe@clients.example");
  EXPECT_EQ(facts.names.size(), 2u);
  EXPECT_EQ(facts.issuer, facts.anchor);
  EXPECT_NE(facts.issuer.find("CN=Root"), std::string::npos);
  EXPECT_EQ(facts.role, wire::role_server);
  EXPECT_EQ(facts.uid, 33u);
  EXPECT_EQ(facts.executable, "/usr/sbin/imapd");
  EXPECT_EQ(facts.local, "mail.example");
}

TEST(FactsOfAPeer, WithoutAnAnchorOnlyItsIdentityCounts) {
  const Party ca = issue(ca_spec("Root"));
  const auto facts = facts_of(subject_of(client(ca), issue(ca_spec("Other"))), verdict("Joe@Clients.Example", "pin"));
  EXPECT_EQ(facts.names, std::vector<std::string>{"Joe@Clients.Example"});
  EXPECT_EQ(facts.issuer, "");
  EXPECT_EQ(facts.anchor, "");
  EXPECT_EQ(facts.how, "pin");
}

TEST(FactsOfAPeer, AResumedOneHasWhatWasProvedBefore) {
  Subject subject;
  subject.query.stage = wire::Stage::authorization;
  subject.query.expected = "joe@clients.example";
  subject.query.proof = wire::encode(wire::Proof{{"joe@clients.example", "spiffe://td/x"}, "CN=CA", "CN=Root", "chain"});
  const auto facts = facts_of(subject, verdict("joe@clients.example", ""));
  EXPECT_TRUE(facts.resumed);
  EXPECT_EQ(facts.names.size(), 2u);
  EXPECT_EQ(facts.issuer, "CN=CA");
  EXPECT_EQ(facts.anchor, "CN=Root");
  EXPECT_EQ(facts.how, "chain");
}

TEST(FactsOfAPeer, ANobodyHasNone) {
  Subject subject;
  subject.query.stage = wire::Stage::authorization;
  const auto facts = facts_of(subject, verdict("", ""));
  EXPECT_FALSE(facts.resumed);
  EXPECT_EQ(facts.remote, "");
  EXPECT_TRUE(facts.names.empty());
}

}  // namespace
}  // namespace tlspool::judge
