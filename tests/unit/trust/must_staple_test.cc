// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "revocation_pki.h"
#include "trust/chain.h"

namespace tlspool::trust::must_staple_tests {
namespace {

using namespace tlspool::test;

struct MustStaple : testing::Test {
  MustStaple() {
    Spec s;
    s.san = "DNS:a.example";
    s.more = {{NID_tlsfeature, "status_request"}};
    leaf = issue(s, &ca);
    EXPECT_TRUE(anchors.add_pem(ca.pem(), "ca"));
  }
  wire::ChainVerdict judge(Bytes stapled, bool known = true, bool peer_is_server = true) const {
    wire::ChainQuery query;
    query.peer_is_server = peer_is_server;
    query.expected = "a.example";
    query.chain = {leaf.der()};
    query.connection.known = known;
    query.connection.stapled = std::move(stapled);
    return judge_chain(anchors, query, std::time(nullptr));
  }
  Party ca = issue(ca_spec("ca"));
  Party leaf;
  Anchors anchors;
};

TEST_F(MustStaple, CountsOnlyWithAGoodResponse) {
  EXPECT_TRUE(judge(make_response(leaf, ca)).accepted);
  const Party other = issue({}, &ca);
  for (const Bytes& stapled : {Bytes(), Bytes(10, 0x30), make_response(other, ca), make_response(leaf, ca, {.status = V_OCSP_CERTSTATUS_REVOKED}),
                               make_response(leaf, ca, {.status = V_OCSP_CERTSTATUS_UNKNOWN}), make_response(leaf, ca, {.from = -2 * day, .until = -day})}) {
    const auto verdict = judge(stapled);
    EXPECT_FALSE(verdict.accepted);
    EXPECT_EQ(verdict.check, "stapled");
    EXPECT_NE(verdict.reason.find("TLS feature"), std::string::npos) << verdict.reason;
  }
}

TEST_F(MustStaple, IsNoMatterOfClientsOrOfChainsWithoutAConnection) {
  EXPECT_TRUE(judge({}, false).accepted);
  EXPECT_TRUE(judge({}, true, false).accepted);
}

}  // namespace
}  // namespace tlspool::trust::must_staple_tests
