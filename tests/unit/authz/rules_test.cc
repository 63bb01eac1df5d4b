// SPDX-License-Identifier: Apache-2.0
#include "authz/rules.h"

#include <gtest/gtest.h>

using namespace tlspool;
using namespace tlspool::authz;
using wire::AllowRule;

namespace {

Caller caller(uid_t uid, gid_t gid, std::vector<gid_t> groups = {}, std::string executable = {}) {
  return {{4711, uid, gid, std::move(groups)}, std::move(executable)};
}

AllowRule rule_for_uid(std::uint32_t uid) {
  AllowRule rule;
  rule.uids = {uid};
  rule.identities = {"*"};
  return rule;
}

TEST(Rules, WithoutRulesNobodyMay) { EXPECT_FALSE(allowed({}, caller(0, 0), "a.example", wire::role_server)); }

TEST(Rules, RootIsNoException) {
  EXPECT_FALSE(allowed({rule_for_uid(1000)}, caller(0, 0), "a.example", wire::role_server));
}

TEST(Rules, GrantByUid) {
  EXPECT_TRUE(allowed({rule_for_uid(33)}, caller(33, 33), "a.example", wire::role_server));
  EXPECT_FALSE(allowed({rule_for_uid(33)}, caller(34, 33), "a.example", wire::role_server));
}

TEST(Rules, GrantBySupplementaryGroup) {
  AllowRule rule;
  rule.gids = {50};
  rule.identities = {"*"};
  EXPECT_TRUE(allowed({rule}, caller(1, 2, {9, 50}), "a.example", wire::role_client));
  EXPECT_TRUE(allowed({rule}, caller(1, 50), "a.example", wire::role_client));
  EXPECT_FALSE(allowed({rule}, caller(1, 2, {9}), "a.example", wire::role_client));
}

TEST(Rules, EveryConditionOfARuleMustHold) {
  AllowRule rule = rule_for_uid(33);
  rule.gids = {50};
  EXPECT_FALSE(allowed({rule}, caller(33, 2), "a.example", wire::role_client));
  EXPECT_FALSE(allowed({rule}, caller(34, 50), "a.example", wire::role_client));
  EXPECT_TRUE(allowed({rule}, caller(33, 50), "a.example", wire::role_client));
}

TEST(Rules, NoIdentityListGrantsNoIdentity) {
  AllowRule rule = rule_for_uid(33);
  rule.identities = {};
  EXPECT_FALSE(allowed({rule}, caller(33, 33), "a.example", wire::role_client));
  EXPECT_TRUE(allowed({rule}, caller(33, 33), "", wire::role_client));
}

TEST(Rules, IdentityAndRoleMustMatch) {
  AllowRule rule = rule_for_uid(33);
  rule.identities = {"a.example"};
  rule.roles = wire::role_server;
  EXPECT_TRUE(allowed({rule}, caller(33, 33), "a.example", wire::role_server));
  EXPECT_FALSE(allowed({rule}, caller(33, 33), "b.example", wire::role_server));
  EXPECT_FALSE(allowed({rule}, caller(33, 33), "a.example", wire::role_client));
  EXPECT_FALSE(allowed({rule}, caller(33, 33), "", wire::role_client));
}

TEST(Rules, AnUnknownExecutableMatchesNoRuleThatNamesOne) {
  AllowRule rule = rule_for_uid(33);
  rule.executables = {"/usr/sbin/nginx"};
  EXPECT_TRUE(need_executable({rule}));
  EXPECT_TRUE(allowed({rule}, caller(33, 33, {}, "/usr/sbin/nginx"), "a.example", wire::role_server));
  EXPECT_FALSE(allowed({rule}, caller(33, 33, {}, "/tmp/nginx"), "a.example", wire::role_server));
  EXPECT_FALSE(allowed({rule}, caller(33, 33), "a.example", wire::role_server));
}

}  // namespace
