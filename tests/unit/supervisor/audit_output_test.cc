// SPDX-License-Identifier: Apache-2.0
#include "supervisor/audit_output.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include "../temporary_directory.h"

namespace tlspool::supervisor {
namespace {

class AuditOutputTest : public testing::Test {
 protected:
  const test::TemporaryDirectory temporary;
  const std::string directory = temporary.path();
};

TEST_F(AuditOutputTest, AFileIsMadeAndAppendedTo) {
  const std::string path = directory + "/audit.json";
  for (int i = 0; i < 2; ++i) {
    const auto out = open_audit({wire::AuditTo::file, path}, "/pool");
    ASSERT_TRUE(out) << out.error().text();
    EXPECT_EQ((*out)->setup.pool, "/pool");
    EXPECT_EQ(write((*out)->out.get(), "x\n", 2), 2);
  }
  struct stat info{};
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_size, 4);
  EXPECT_EQ(info.st_mode & 07777, 0640U);
}

TEST_F(AuditOutputTest, WhatIsNoFileOfItsOwnIsRefused) {
  std::filesystem::create_symlink("/etc/passwd", directory + "/link");
  ASSERT_EQ(mkfifo((directory + "/fifo").c_str(), 0600), 0);
  for (const char* name : {"/link", "/fifo", "/no/such", ""}) {
    const auto out = open_audit({wire::AuditTo::file, directory + name}, "/pool");
    ASSERT_FALSE(out) << name;
    EXPECT_TRUE(out.error().operation.starts_with("[log] audit")) << out.error().text();
  }
}

TEST_F(AuditOutputTest, TheJournalIsADatagramSocket) {
  const std::string path = directory + "/journal";
  EXPECT_FALSE(open_audit({wire::AuditTo::journal, {}}, "/pool", path));
  const UniqueFd journal{socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(bind(journal.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  const auto out = open_audit({wire::AuditTo::journal, {}}, "/pool", path);
  ASSERT_TRUE(out) << out.error().text();
  ASSERT_EQ(send((*out)->out.get(), "MESSAGE=x\n", 10, 0), 10);
  std::array<char, 64> got;
  EXPECT_EQ(recv(journal.get(), got.data(), got.size(), 0), 10);
}

TEST_F(AuditOutputTest, TheLogNeedsNothing) {
  for (const auto to : {wire::AuditTo::log, wire::AuditTo::nowhere}) EXPECT_FALSE((*open_audit({to, {}}, "/pool"))->out.valid());
}

}  // namespace
}  // namespace tlspool::supervisor
