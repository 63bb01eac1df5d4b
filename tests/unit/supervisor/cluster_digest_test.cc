// SPDX-License-Identifier: Apache-2.0
#include "supervisor/cluster_digest.h"

#include <gtest/gtest.h>

namespace tlspool::supervisor {
namespace {

class ClusterDigest : public testing::Test {
 protected:
  ClusterDigest() {
    config.trust.anchors = {"/pool/ca/ca.pem"};
    material.trust = {9, 9};
    wire::PolicySetup policy;
    policy.remote = {".example", 3, 11};
    policy.trust = {"chain and name", 4, 10};
    policy.file = "/pool/policies/a.toml";
    policy.line = 2;
    config.policies = {policy};
    setup.identities.push_back({"web.example", wire::role_server, {}});
    setup.identities[0].credentials.push_back({.key = 1, .token = "default", .chain = {Bytes{1}, Bytes{2}}});
    setup.rules.push_back({.uids = {33}});
  }
  Bytes outcomes() const { return outcome_policy(config, material, paths); }
  Bytes tickets() const { return ticket_policy(setup, outcomes()); }

  config::Config config;
  Material material;
  wire::WorkerSetup setup;
  config::Paths paths{"/pool", "/pool/keeper", "/pool/run", "/pool/judge"};
};

TEST_F(ClusterDigest, WhereTheConfigurationStandsMakesNoDifference) {
  const Bytes before = outcomes();
  EXPECT_EQ(before.size(), 32U);
  config.policies[0].file = "/elsewhere/policies/b.toml";
  config.policies[0].line = 200;
  config.policies[0].trust.line = 201;
  config.policies[0].trust.column = 1;
  config.trust.anchors = {"/elsewhere/ca/ca.pem"};
  paths = {"/elsewhere", "/elsewhere/keeper", "/elsewhere/run", "/var/judge"};
  config.cache.entries = 7;
  config.cache.servers = {"127.0.0.1:11211"};
  EXPECT_EQ(outcomes(), before);
}

TEST_F(ClusterDigest, WhatItSaysDoes) {
  const Bytes before = outcomes();
  config.policies[0].trust.text = "chain";
  EXPECT_NE(outcomes(), before);
  config.policies[0].trust.text = "chain and name";
  EXPECT_EQ(outcomes(), before);
  config.policies[0].remote.text = ".org";
  EXPECT_NE(outcomes(), before);
  config.policies[0].remote.text = ".example";
  material.trust.push_back(1);
  EXPECT_NE(outcomes(), before);
  material.trust.pop_back();
  config.trust.system = !config.trust.system;
  EXPECT_NE(outcomes(), before);
}

TEST_F(ClusterDigest, TicketsGoByWhatIsAllowedAndShown) {
  const Bytes before = tickets();
  setup.rules[0].uids = {34};
  EXPECT_NE(tickets(), before);
  setup.rules[0].uids = {33};
  setup.identities[0].roles = wire::role_client;
  EXPECT_NE(tickets(), before);
  setup.identities[0].roles = wire::role_server;
  setup.identities[0].credentials[0].chain[1] = {3};
  EXPECT_NE(tickets(), before);
  setup.identities[0].credentials[0].chain[1] = {2};
  setup.tls12 = false;
  EXPECT_NE(tickets(), before);
  setup.tls12 = true;
  EXPECT_EQ(tickets(), before);
  material.trust.push_back(1);
  EXPECT_NE(tickets(), before);
}

TEST_F(ClusterDigest, TicketsDoNotGoByNumbersAndTokens) {
  const Bytes before = tickets();
  setup.identities[0].credentials[0].key = 17;
  setup.identities[0].credentials[0].token = "other";
  setup.identities[0].credentials[0].usable = true;
  setup.index = 3;
  setup.ticket_key = {1, 2, 3};
  setup.policy = {4};
  EXPECT_EQ(tickets(), before);
}

TEST_F(ClusterDigest, ACertificateThatCanNotBeReadCountsWhole) {
  const Bytes before = tickets();
  setup.identities[0].credentials[0].chain[0] = {7};
  EXPECT_NE(tickets(), before);
}

}  // namespace
}  // namespace tlspool::supervisor
