// SPDX-License-Identifier: Apache-2.0
#include "cli/pool_text.h"

#include <gtest/gtest.h>

#include "cli/provisioner.h"
#include "config/config.h"

namespace tlspool::cli {
namespace {

TEST(PoolText, IsAConfigurationThatParses) {
  const auto parsed = config::parse({{"tlspool.toml", pool_toml({"demo.example", "/lib/p11.so", "pkcs11:token=tlspool"})},
                                     {"identities/demo.example.toml",
                                      identity_toml({"demo.example", "pkcs11:object=demo.example;type=private",
                                                     "demo.example.pem", "default"})}},
                                    "/pool", "/pool/keeper");
  ASSERT_TRUE(parsed) << parsed.error().text();
  EXPECT_EQ(parsed->name, "demo.example");
  ASSERT_EQ(parsed->tokens.size(), 1u);
  EXPECT_EQ(parsed->tokens[0].module, "/lib/p11.so");
  EXPECT_EQ(parsed->tokens[0].pin_file, "/pool/keeper/pin");
  EXPECT_FALSE(parsed->tokens[0].shared);
  ASSERT_EQ(parsed->identities.size(), 1u);
  EXPECT_EQ(parsed->identities[0].credentials[0].token, "default");
  EXPECT_TRUE(parsed->allow.empty());
}

TEST(PoolText, QuotesCannotBeLeft) {
  EXPECT_EQ(quoted("a\"b\\c\n"), "\"a\\\"b\\\\c\\u000a\"");
  const auto parsed = config::parse({{"tlspool.toml", pool_toml({"a.example", "/x\"\nname = \"b", "pkcs11:"})}}, "/p", "/k");
  ASSERT_TRUE(parsed) << parsed.error().text();
  EXPECT_EQ(parsed->tokens[0].module, "/x\"\nname = \"b");
}

TEST(PoolText, FileNamesStayInTheirDirectory) {
  EXPECT_EQ(file_name("www.example"), "www.example");
  EXPECT_EQ(file_name("me@example.org"), "me@example.org");
  EXPECT_EQ(file_name("../../etc/x@a.example"), "%2E.%2F..%2Fetc%2Fx@a.example");
  EXPECT_EQ(file_name("*.example"), "%2A.example");
}

TEST(PoolText, PinFilesAreNamedAsTheKeeperSeesThem) {
  const config::Paths paths{"/pool", "/pool/keeper", "/pool/run", "/pool/judge"};
  wire::TokenSetup token;
  token.pin_file = "/pool/keeper/pin";
  EXPECT_EQ(inside_keeper(token, paths).pin_file, "pin");
  token.pin_file = "/etc/pin";
  EXPECT_EQ(inside_keeper(token, paths).pin_file, "/etc/pin");
}

}  // namespace
}  // namespace tlspool::cli
