// SPDX-License-Identifier: Apache-2.0
#include "cli/roles.h"

#include <gtest/gtest.h>

namespace tlspool::cli {
namespace {

using std::chrono::milliseconds;

TEST(Roles, TheOtherSideIsWhatFitsUnlessItIsSaid) {
  EXPECT_EQ(remote_role(Role::client, {}), Role::server);
  EXPECT_EQ(remote_role(Role::server, {}), Role::client);
  EXPECT_EQ(remote_role(Role::peer, {}), Role::peer);
  EXPECT_EQ(remote_role(Role::peer, {.remote = Role::client}), Role::client);
}

TEST(Roles, ThatFitAreLetThrough) {
  EXPECT_TRUE(check_roles("connect", Role::client, {}, "a.example"));
  EXPECT_TRUE(check_roles("connect", Role::server, {}, ""));
  EXPECT_TRUE(check_roles("connect", Role::peer, {}, "a.example"));
  for (const Role remote : {Role::client, Role::server, Role::peer}) EXPECT_TRUE(check_roles("connect", Role::peer, {.remote = remote}, "a.example"));
  EXPECT_TRUE(check_roles("connect", Role::client, {.remote = Role::peer}, "a.example"));
  EXPECT_TRUE(check_roles("connect", Role::server, {.remote = Role::peer, .hello_delay = milliseconds{5}}, "a.example"));
}

TEST(Roles, ThatAreTheSameOnBothSidesAreNamed) {
  for (const Role role : {Role::client, Role::server}) {
    const auto refused = check_roles("connect", role, {.remote = role}, "a.example");
    ASSERT_FALSE(refused);
    const std::string text = refused.error().text();
    EXPECT_NE(text.find(std::string("--role ") + word(role) + " --remote-role " + word(role)), std::string::npos) << text;
    EXPECT_NE(text.find(std::string("both sides would be TLS ") + word(role)), std::string::npos) << text;
    EXPECT_NE(text.find("--role peer"), std::string::npos) << text;
  }
}

TEST(Roles, ADelayIsForPeers) {
  const auto refused = check_roles("tunnel", Role::server, {.hello_delay = milliseconds{0}}, "");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text().find("--hello-delay"), std::string::npos);
}

TEST(Roles, APeerAndAClientExpectSomebody) {
  EXPECT_FALSE(check_roles("connect", Role::peer, {}, ""));
  EXPECT_FALSE(check_roles("connect", Role::client, {}, ""));
  const auto refused = check_roles("tunnel", Role::server, {.remote = Role::peer}, "");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text().find("--expect"), std::string::npos);
}

}  // namespace
}  // namespace tlspool::cli
