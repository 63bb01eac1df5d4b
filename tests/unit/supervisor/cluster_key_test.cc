// SPDX-License-Identifier: Apache-2.0
#include "supervisor/cluster_key.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "../temporary_directory.h"
#include "base/text.h"

namespace tlspool::supervisor {
namespace {

class ClusterKeyFile : public testing::Test {
 protected:
  void SetUp() override {
    std::ofstream(path) << std::string(32, 'a') << std::string(32, '5') << "\n";
    chmod(path.c_str(), 0600);
  }
  std::string refusal(const std::string& of) {
    const auto keys = read_cluster_keys(of);
    return keys ? "it was read" : keys.error().text();
  }
  const test::TemporaryDirectory temporary;
  const std::string directory = temporary.path();
  const std::string path = directory + "/key";
};

TEST_F(ClusterKeyFile, GivesTwoDifferentKeys) {
  const auto keys = read_cluster_keys(path);
  ASSERT_TRUE(keys) << keys.error().text();
  EXPECT_EQ(keys->outcomes.size(), 32U);
  EXPECT_EQ(keys->tickets.size(), 32U);
  EXPECT_FALSE(keys->outcomes.equals(keys->tickets));
}

TEST_F(ClusterKeyFile, ThatOthersMayReadOrWriteIsRefused) {
  for (const mode_t mode : {0640, 0604, 0620, 0602, 0610}) {
    chmod(path.c_str(), mode);
    EXPECT_NE(refusal(path).find("chmod 600 " + path), std::string::npos) << refusal(path);
  }
  chmod(path.c_str(), 0400);
  EXPECT_TRUE(read_cluster_keys(path));
}

TEST_F(ClusterKeyFile, ThatIsNoneIsRefused) {
  EXPECT_NE(refusal(directory + "/none").find("No such file"), std::string::npos);
  EXPECT_NE(refusal(directory).find("no regular file"), std::string::npos);
  symlink("key", (directory + "/link").c_str());
  EXPECT_NE(refusal(directory + "/link").find("symbolic link"), std::string::npos);
  mkfifo((directory + "/pipe").c_str(), 0600);
  EXPECT_NE(refusal(directory + "/pipe").find("no regular file"), std::string::npos);
}

TEST_F(ClusterKeyFile, ThatIsAnothersIsRefused) {
  if (geteuid() == 0) {
    ASSERT_EQ(chown(path.c_str(), 12345, 12345), 0);
    EXPECT_NE(refusal(path).find("number 12345"), std::string::npos) << refusal(path);
  } else {
    EXPECT_NE(refusal("/etc/passwd").find("number 0"), std::string::npos);
  }
}

TEST_F(ClusterKeyFile, WhatIsRefusedIsNotShown) {
  std::ofstream(path) << "my secret words";
  EXPECT_EQ(refusal(path).find("secret words"), std::string::npos);
}

}  // namespace
}  // namespace tlspool::supervisor
