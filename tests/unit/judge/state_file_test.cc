// SPDX-License-Identifier: Apache-2.0
#include "judge/state_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "../temporary_directory.h"

namespace tlspool::judge {
namespace {

class StateFiles : public testing::Test {
 protected:
  const test::TemporaryDirectory temporary_;
  const std::string directory_ = temporary_.path();
};

TEST_F(StateFiles, NoneIsNoText) { EXPECT_EQ(StateFile(directory_ + "/a").read().value(), std::nullopt); }

TEST_F(StateFiles, TheLastTextCountsWhoeverWritesIt) {
  {
    StateFile file(directory_ + "/a");
    for (int i = 0; i < 200; ++i) file.later("later " + std::to_string(i));
    ASSERT_TRUE(file.write("in between"));
    EXPECT_EQ(file.read().value(), "in between");
    for (int i = 0; i < 200; ++i) file.later("last " + std::to_string(i));
  }
  EXPECT_EQ(StateFile(directory_ + "/a").read().value(), "last 199");
  struct stat info{};
  ASSERT_EQ(stat((directory_ + "/a").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/a.new"));
}

TEST_F(StateFiles, WhatCantBeWrittenIsAnErrorAndLeavesTheOldOne) {
  StateFile file(directory_ + "/a");
  ASSERT_TRUE(file.write("old"));
  std::filesystem::create_directory(directory_ + "/a.new");
  EXPECT_FALSE(file.write("new"));
  EXPECT_EQ(file.read().value(), "old");
}

TEST_F(StateFiles, ADirectoryIsNoFile) {
  std::filesystem::create_directory(directory_ + "/a");
  EXPECT_FALSE(StateFile(directory_ + "/a").read());
}

}  // namespace
}  // namespace tlspool::judge
