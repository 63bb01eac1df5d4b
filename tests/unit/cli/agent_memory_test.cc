// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "../temporary_directory.h"
#include "cli/agent.h"

namespace tlspool::cli {
namespace {

AgentQuestion question(const std::string& service = "", const std::string& remote = "web.example") {
  AgentQuestion q;
  q.local = "joe@clients.example";
  q.remote = remote;
  q.service = service;
  q.proved = true;
  return q;
}

class Memory : public testing::Test {
 protected:
  void write(const std::string& text) { std::ofstream(memory_.path()) << text; }
  std::string known(const AgentQuestion& q) const {
    const auto found = memory_.find(q);
    return !found ? found.error().text() : !*found ? "unknown" : **found ? "yes" : "no";
  }

  const test::TemporaryDirectory temporary_;
  AgentMemory memory_{temporary_.path() + "/disclosures"};
};

TEST_F(Memory, KnowsNothingAtFirst) { EXPECT_EQ(known(question()), "unknown"); }

TEST_F(Memory, OneAnswerIsForOneQuestion) {
  ASSERT_TRUE(memory_.keep(question(), AgentAnswer::once));
  ASSERT_TRUE(memory_.keep(question(), AgentAnswer::not_now));
  EXPECT_EQ(known(question()), "unknown");
  EXPECT_FALSE(std::filesystem::exists(memory_.path()));
}

TEST_F(Memory, ASessionLeavesNoTrace) {
  ASSERT_TRUE(memory_.keep(question("imap"), AgentAnswer::session));
  EXPECT_EQ(known(question("imap")), "yes");
  EXPECT_EQ(known(question()), "unknown");
  EXPECT_EQ(known(question("imap", "other.example")), "unknown");
  EXPECT_FALSE(std::filesystem::exists(memory_.path()));
}

TEST_F(Memory, TheFileIsTheUsersOwn) {
  ASSERT_TRUE(memory_.keep(question("imap"), AgentAnswer::always));
  ASSERT_TRUE(memory_.keep(question("web"), AgentAnswer::never));
  EXPECT_EQ(known(question("imap")), "yes");
  EXPECT_EQ(known(question("web")), "no");
  struct stat info {};
  ASSERT_EQ(stat(memory_.path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  const AgentMemory another(memory_.path());
  EXPECT_TRUE(**another.find(question("imap")));
}

// Whatever a program calls its service, it stays one word, and stands for itself alone.
TEST_F(Memory, ServicesMayBeAnything) {
  const std::vector<std::string> services{"", "-", "%2d", "two words", "line\nalways", "\xff", "a%20b", "a b"};
  for (std::size_t i = 0; i < services.size(); ++i) {
    ASSERT_TRUE(memory_.keep(question(services[i]), i % 2 == 0 ? AgentAnswer::always : AgentAnswer::never));
  }
  for (std::size_t i = 0; i < services.size(); ++i) EXPECT_EQ(known(question(services[i])), i % 2 == 0 ? "yes" : "no") << i;
}

TEST_F(Memory, TheLastLineCountsAndTheFileGoesBeforeTheSession) {
  ASSERT_TRUE(memory_.keep(question(), AgentAnswer::session));
  write("# by hand\n\nalways joe@clients.example web.example - 2026-01-01\nnever joe@clients.example web.example - 2026-01-02");
  EXPECT_EQ(known(question()), "no");
  ASSERT_TRUE(memory_.keep(question("new"), AgentAnswer::always)) << "the last line had no end";
  EXPECT_EQ(known(question("new")), "yes");
  EXPECT_EQ(known(question()), "no");
}

TEST_F(Memory, LinesThatSayNothingAreNamed) {
  for (const char* line : {"always", "perhaps joe@clients.example web.example - 2026-01-01", "always joe@clients.example web.example 2026-01-01", "always a b c d e"}) {
    write(std::string("# one\n") + line + "\n");
    EXPECT_NE(known(question()).find("disclosures:2"), std::string::npos) << line;
  }
}

TEST_F(Memory, NothingIsRememberedAboutAPeerThatProvedNothing) {
  AgentQuestion unproved = question();
  unproved.proved = false;
  ASSERT_TRUE(memory_.keep(unproved, AgentAnswer::always));
  EXPECT_FALSE(std::filesystem::exists(memory_.path()));
  ASSERT_TRUE(memory_.keep(question(), AgentAnswer::always));
  EXPECT_EQ(known(unproved), "unknown");
}

}  // namespace
}  // namespace tlspool::cli
