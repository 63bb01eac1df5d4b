// SPDX-License-Identifier: Apache-2.0
#include "supervisor/setup.h"

#include <gtest/gtest.h>

#include "supervisor/backoff.h"
#include "supervisor/cluster_digest.h"

namespace tlspool::supervisor {
namespace {

class SetupTest : public testing::Test {
 protected:
  SetupTest() {
    config.tokens.push_back({"default", "/m.so", "pkcs11:token=x", "/pool/keeper/pin", "", 4});
    config::Identity web{"web.example", {}, wire::role_server};
    web.credentials.push_back({"pkcs11:object=web", "/pool/identities/web.pem", "default", 1, "f"});
    web.credentials.push_back({"pkcs11:object=web2", "pkcs11:object=web2;type=cert", "default", 2, "f"});
    config.identities.push_back(web);
    config.trust.anchors = {"/pool/ca/ca.pem", "/etc/other.pem"};
    material.chains["/pool/identities/web.pem"] = {Bytes{1, 2}, Bytes{3}};
    material.trust = {9, 9};
    report.keys.push_back({1, true, wire::KeyType::p384, 384, false, {}, ""});
    report.keys.push_back({2, true, wire::KeyType::rsa, 2048, true, {Bytes{7}}, ""});
  }
  wire::WorkerSetup worker() { return worker_setup(config, material, numbers, report, {1000, 100}); }

  config::Config config;
  Material material;
  wire::KeeperReport report;
  KeyNumbers numbers;
  config::Paths paths{"/pool", "/pool/keeper", "/pool/run", "/pool/judge"};
};

TEST_F(SetupTest, KeeperGetsPathsRelativeToItsDirectory) {
  const auto setup = keeper_setup(config, material, numbers, paths, {});
  EXPECT_EQ(setup.tokens.at(0).pin_file, "pin");
  EXPECT_EQ(setup.directory, ".");
}

TEST_F(SetupTest, KeeperOfARootSupervisorGetsCredentialsAsDescriptors) {
  config.tokens[0].pin_credential = "office-pin";
  const Credentials given{"/run/credentials/x", {"a", "office-pin"}};
  EXPECT_EQ(keeper_setup(config, material, numbers, paths, given).tokens.at(0).pin_credential, "6");
  EXPECT_EQ(keeper_setup(config, material, numbers, paths, {}).tokens.at(0).pin_credential, "office-pin");
}

TEST_F(SetupTest, KeeperGetsTheLeafOfAFileAndTheUriOfAToken) {
  const auto setup = keeper_setup(config, material, numbers, paths, {});
  ASSERT_EQ(setup.keys.size(), 2u);
  EXPECT_EQ(setup.keys[0].leaf, (Bytes{1, 2}));
  EXPECT_EQ(setup.keys[0].chain_uri, "");
  EXPECT_EQ(setup.keys[0].roles, wire::role_server);
  EXPECT_TRUE(setup.keys[1].leaf.empty());
  EXPECT_EQ(setup.keys[1].chain_uri, "pkcs11:object=web2;type=cert");
}

TEST_F(SetupTest, TicketsAreBoundToDisclosuresAndNotToWhereTheyStand) {
  const auto bound = [&] { return std::pair(worker().policy, ticket_policy(worker(), {})); };
  const auto without = bound();
  config.disclosures.push_back({.remote = {".example", 7, 3}, .show = wire::Show::no, .file = "tlspool.toml", .line = 6});
  const auto with = bound();
  EXPECT_NE(with.first, without.first);
  EXPECT_NE(with.second, without.second);
  config.disclosures[0].line = 60;
  config.disclosures[0].remote.line = 61;
  config.disclosures[0].file = "disclosures/a.toml";
  EXPECT_EQ(bound().second, with.second) << "the pools of a cluster may write it elsewhere";
  config.disclosures[0].show = wire::Show::ask;
  EXPECT_NE(bound().second, with.second);
}

TEST_F(SetupTest, JudgeGetsPathsRelativeToThePool) {
  EXPECT_EQ(judge_setup(config, paths).anchor_files, (std::vector<std::string>{"ca/ca.pem", "/etc/other.pem"}));
}

TEST_F(SetupTest, WorkerGetsChainsFromFileAndToken) {
  const auto setup = worker();
  const auto& credentials = setup.identities.at(0).credentials;
  ASSERT_EQ(credentials.size(), 2u);
  EXPECT_EQ(credentials[0].chain, (std::vector<Bytes>{{1, 2}, {3}}));
  EXPECT_EQ(credentials[0].type, wire::KeyType::p384);
  EXPECT_EQ(credentials[1].chain, (std::vector<Bytes>{{7}}));
  EXPECT_TRUE(credentials[1].usable);
  EXPECT_TRUE(credentials[1].pss);
}

TEST_F(SetupTest, KeyWithoutAReportIsNotUsable) {
  report.keys.clear();
  const auto setup = worker();
  EXPECT_FALSE(setup.identities.at(0).credentials.at(0).usable);
  EXPECT_NE(setup.identities.at(0).credentials.at(0).problem, "");
}

TEST_F(SetupTest, KeyWithoutACertificateIsNotUsable) {
  report.keys[1].chain.clear();
  EXPECT_FALSE(worker().identities.at(0).credentials.at(1).usable);
}

TEST_F(SetupTest, NumberOfAKeyIsNeverGivenToAnother) {
  const auto before = keeper_setup(config, material, numbers, paths, {});
  config.identities[0].credentials.erase(config.identities[0].credentials.begin());
  config.identities[0].credentials.push_back({"pkcs11:object=new", "/x.pem", "default", 3, "f"});
  const auto after = keeper_setup(config, material, numbers, paths, {});
  EXPECT_EQ(after.keys.at(0).key, before.keys.at(1).key);
  EXPECT_EQ(after.keys.at(1).key, 3u);
}

TEST_F(SetupTest, WithoutRulesOwnerAndGroupMayDoEverything) {
  const auto rules = worker().rules;
  ASSERT_EQ(rules.size(), 2u);
  EXPECT_EQ(rules[0].uids, (std::vector<std::uint32_t>{1000}));
  EXPECT_TRUE(rules[0].gids.empty());
  EXPECT_EQ(rules[1].gids, (std::vector<std::uint32_t>{100}));
  EXPECT_TRUE(rules[1].uids.empty());
  EXPECT_EQ(rules[1].identities, (std::vector<std::string>{"*"}));
}

TEST_F(SetupTest, RulesOfTheConfigurationReplaceTheDefault) {
  config.allow.push_back({{33}, {}, {}, {"web.example"}, wire::role_server});
  ASSERT_EQ(worker().rules.size(), 1u);
  EXPECT_EQ(worker().rules[0].uids, (std::vector<std::uint32_t>{33}));
}

TEST_F(SetupTest, KeeperIsToldInWhichRolesSomeProgramMayUseAKey) {
  const auto told = [&] { return keeper_setup(config, material, numbers, paths, {}).keys.at(0).roles; };
  const std::string name = config.identities[0].name;
  config.identities[0].roles = wire::role_client | wire::role_server;
  EXPECT_EQ(told(), wire::role_client | wire::role_server) << "without rules the owner may";
  config.allow.push_back({{33}, {}, {}, {"other.example"}, wire::role_client | wire::role_server});
  EXPECT_EQ(told(), 0) << "nobody";
  config.kmes.emplace_back().identity = name;
  EXPECT_EQ(told(), wire::role_client) << "the fetcher";
  config.allow.push_back({{33}, {}, {}, {name}, wire::role_server});
  EXPECT_EQ(told(), wire::role_client | wire::role_server);
  config.identities[0].roles = wire::role_server;
  EXPECT_EQ(told(), wire::role_server) << "no more than the identity itself";
  config.kmes.clear();
  config.allow = {{{33}, {}, {}, {"*"}, wire::role_client}};
  EXPECT_EQ(told(), 0);
}

TEST_F(SetupTest, PolicyDigestIsTheSameForTheSamePolicy) {
  EXPECT_EQ(worker().policy, worker().policy);
  EXPECT_EQ(worker().policy.size(), 32u);
}

TEST_F(SetupTest, PolicyDigestChangesWithEveryPartOfThePolicy) {
  std::vector<Bytes> seen{worker().policy};
  const auto changed = [&] {
    seen.push_back(worker().policy);
    return std::count(seen.begin(), seen.end(), seen.back()) == 1;
  };
  material.trust.push_back(1);
  EXPECT_TRUE(changed()) << "trust anchors";
  config.trust.system = false;
  EXPECT_TRUE(changed()) << "system trust";
  config.tls12 = false;
  EXPECT_TRUE(changed()) << "versions";
  config.name = "web.example";
  EXPECT_TRUE(changed()) << "default identity";
  config.identities[0].roles = wire::role_client;
  EXPECT_TRUE(changed()) << "roles";
  material.chains["/pool/identities/web.pem"][0].push_back(1);
  EXPECT_TRUE(changed()) << "certificate";
  config.allow.push_back({{33}, {}, {}, {"*"}, wire::role_server});
  EXPECT_TRUE(changed()) << "rules";
}

TEST_F(SetupTest, PolicyDigestIgnoresWhetherATokenIsLoggedIn) {
  const Bytes before = worker().policy;
  report.keys[0].usable = false;
  report.keys[0].problem = "locked";
  EXPECT_EQ(worker().policy, before);
}

TEST_F(SetupTest, ChainOfATokenThatWentAwayIsKept) {
  wire::KeeperReport now = report;
  now.keys[1].chain.clear();
  keep_chains(now, report);
  EXPECT_EQ(now.keys[1].chain, (std::vector<Bytes>{{7}}));
}

TEST(Backoff, WhatNeverBecomesReadyIsStartedEverLater) {
  using namespace std::chrono_literals;
  Backoff b;
  const auto next = [&b](std::chrono::milliseconds lived) { return b.next(lived, Backoff::Died::before_ready); };
  EXPECT_EQ(next(5s), 0ms);
  for (int i = 0; i < 2; ++i) EXPECT_LT(next(1s), 250ms);
  EXPECT_EQ(next(1s), 1s);
  EXPECT_EQ(next(1s), 2s);
  for (int i = 0; i < 10; ++i) (void)next(1s);
  EXPECT_EQ(next(1s), 30s);
  EXPECT_EQ(next(11s), 0ms);
}

TEST(Backoff, WhatWasReadyIsBackWithinASecondHoweverOftenItDies) {
  using namespace std::chrono_literals;
  Backoff b;
  auto before = 0ms;
  for (int i = 0; i < 200; ++i) {
    const auto wait = b.next(100ms, Backoff::Died::in_service);
    EXPECT_GE(wait, before);
    EXPECT_LE(wait, 250ms);
    before = wait;
  }
  EXPECT_GT(before, 0ms);
  EXPECT_EQ(b.next(11s, Backoff::Died::in_service), 0ms);
  // That it cannot start any more is another matter.
  for (int i = 0; i < 3; ++i) EXPECT_LE(b.next(1s, Backoff::Died::before_ready), 250ms);
  EXPECT_EQ(b.next(1s, Backoff::Died::before_ready), 1s);
  EXPECT_EQ(b.next(1s, Backoff::Died::in_service), 250ms);
}

}  // namespace
}  // namespace tlspool::supervisor
