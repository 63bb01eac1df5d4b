// SPDX-License-Identifier: Apache-2.0
#include "cli/kex_text.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace tlspool::cli {
namespace {

std::string said_of(const std::string& verified_by) {
  KexExchange e;
  e.remote = "b.example";
  e.verified_by = verified_by;
  return who(e);
}

TEST(KexText, SaysHowTheOtherSideWasVerified) {
  EXPECT_NE(said_of("chain").find("b.example, verified by its certificate"), std::string::npos);
  EXPECT_NE(said_of("sharedKey").find("b.example, verified by the key that both pools share"), std::string::npos);
  EXPECT_NE(said_of("pin").find("b.example, verified by its key, which you pinned"), std::string::npos);
}

TEST(KexText, AnythingElseIsUnverified) {
  for (const char* how : {"none", "", "Chain", "firstContact"}) {
    EXPECT_NE(said_of(how).find("claims to be b.example, which nothing has verified"), std::string::npos) << how;
  }
}

TEST(KexText, ANameCanNotUpsetATerminal) {
  KexExchange e;
  e.remote = "b\x1b[2Jexample";
  EXPECT_EQ(who(e).find('\x1b'), std::string::npos);
}

TEST(KexText, AResultThatCanNotBeGivenIsRefusedBeforehand) {
  KexResult result;
  EXPECT_TRUE(check(result));
  result.size = 7;
  EXPECT_FALSE(check(result));
  result.size = 129;
  EXPECT_FALSE(check(result));
  result.format = kex::Format::hex;
  EXPECT_TRUE(check(result));
  result.file = "/dev/null";  // there already
  EXPECT_FALSE(check(result));
  result.file = "/nowhere/at/all";
  EXPECT_TRUE(check(result));
}

TEST(KexText, OnlyWhatIsKeptApartIsGivenWithAMessage) {
  // Whether standard output is a terminal is up to whoever runs the tests.
  const bool terminal = isatty(STDOUT_FILENO) != 0;
  KexResult result;
  EXPECT_FALSE(would_mix(result, Mixed::result_alone));
  EXPECT_EQ(would_mix(result, Mixed::message_too), !terminal);
  result.file = "key";
  EXPECT_FALSE(would_mix(result, Mixed::message_too));
  result.file.clear();
  result.store = "";
  EXPECT_FALSE(would_mix(result, Mixed::message_too));
}

}  // namespace
}  // namespace tlspool::cli
