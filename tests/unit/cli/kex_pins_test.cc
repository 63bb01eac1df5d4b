// SPDX-License-Identifier: Apache-2.0
#include "cli/kex_pins.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "../temporary_directory.h"

namespace tlspool::cli {
namespace {

class Pins : public testing::Test {
 protected:
  void write(const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(pins_.path()).parent_path());
    std::ofstream(pins_.path()) << text;
  }
  std::string digest_of(const std::string& name) {
    const auto pin = pins_.find(name);
    return !pin ? pin.error().text() : *pin ? (*pin)->digest : "none";
  }

  const std::string one_ = std::string(64, '1');
  const std::string other_ = std::string(64, 'a');
  const test::TemporaryDirectory temporary_;
  KexPins pins_{temporary_.path() + "/state/tlspool/kex-pins"};
};

TEST_F(Pins, NobodyIsPinnedWithoutAFile) { EXPECT_EQ(digest_of("a.example"), "none"); }

TEST_F(Pins, WhatIsAddedIsFound) {
  ASSERT_TRUE(pins_.add("a.example", one_));
  ASSERT_TRUE(pins_.add("b.example", other_));
  EXPECT_EQ(digest_of("a.example"), one_);
  EXPECT_EQ(digest_of("b.example"), other_);
  EXPECT_EQ(digest_of("c.example"), "none");
  struct stat info {};
  ASSERT_EQ(stat(pins_.path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
}

TEST_F(Pins, TheLastLineOfANameCounts) {
  ASSERT_TRUE(pins_.add("a.example", one_));
  ASSERT_TRUE(pins_.add("a.example", other_));
  const auto pin = pins_.find("a.example");
  ASSERT_TRUE(pin && *pin);
  EXPECT_EQ((*pin)->digest, other_);
  EXPECT_EQ((*pin)->line, 2);
}

TEST_F(Pins, ALineWithoutItsEndIsNotGluedToTheNext) {
  write("a.example " + one_ + " 2026-01-01");
  ASSERT_TRUE(pins_.add("b.example", other_));
  EXPECT_EQ(digest_of("a.example"), one_);
  EXPECT_EQ(digest_of("b.example"), other_);
}

TEST_F(Pins, CommentsAndEmptyLinesAreLeftOut) {
  write("# mine\n\na.example " + one_ + " 2026-01-01\n");
  EXPECT_EQ(digest_of("a.example"), one_);
}

TEST_F(Pins, AnythingElseBelievesNobody) {
  for (const std::string& line : {std::string("a.example"), std::string("a.example 1234 2026-01-01"), "a.example " + std::string(64, 'x') + " 2026-01-01",
                                  "a.example  " + std::string(64, '1') + " 2026-01-01", std::string("\0", 1)}) {
    write("b.example " + one_ + " 2026-01-01\n" + line + "\n");
    const auto pin = pins_.find("b.example");
    ASSERT_FALSE(pin) << line;
    EXPECT_NE(pin.error().text().find("kex-pins:2"), std::string::npos) << pin.error().text();
  }
}

}  // namespace
}  // namespace tlspool::cli
