// SPDX-License-Identifier: Apache-2.0
#include "cli/output.h"

#include <gtest/gtest.h>

namespace tlspool::cli {
namespace {

TEST(Output, ColumnsAreAsWideAsTheirWidestCell) {
  EXPECT_EQ(table({"NAME", "KEY"}, {{"a", "rsa2048"}, {"www.example", "p256"}}),
            "NAME         KEY\n"
            "a            rsa2048\n"
            "www.example  p256\n");
}

TEST(Output, DurationsHaveTwoUnitsAtMost) {
  EXPECT_EQ(duration(0), "0 s");
  EXPECT_EQ(duration(59), "59 s");
  EXPECT_EQ(duration(61), "1 min 1 s");
  EXPECT_EQ(duration(3600), "1 h");
  EXPECT_EQ(duration(90000), "1 d 1 h");
  EXPECT_EQ(duration(86400 + 61), "1 d");
}

TEST(Output, ByteCountsGrowInPowersOf1024) {
  EXPECT_EQ(byte_count(0), "0 B");
  EXPECT_EQ(byte_count(1023), "1023 B");
  EXPECT_EQ(byte_count(1536), "1.5 KiB");
  EXPECT_EQ(byte_count(std::uint64_t{3} << 30), "3.0 GiB");
}

TEST(Output, TimesAreUtc) { EXPECT_EQ(timestamp(0), "1970-01-01 00:00:00"); }

TEST(Output, AbsentAndHostileMembersStayReadable) {
  wire::Value row = wire::Value::object();
  row.set("a", "\x1b[31mred").set("b", nullptr);
  EXPECT_EQ(or_dash(row, "a").find('\x1b'), std::string::npos);
  EXPECT_EQ(or_dash(row, "b"), "-");
  EXPECT_EQ(or_dash(row, "c"), "-");
}

}  // namespace
}  // namespace tlspool::cli
