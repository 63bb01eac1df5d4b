// SPDX-License-Identifier: Apache-2.0
#include "qkd/id_lines.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "base/fd.h"

namespace {

using namespace tlspool;
using namespace tlspool::qkd;

constexpr const char* one = "550e8400-e29b-41d4-a716-446655440000";
constexpr const char* two = "550e8400-e29b-41d4-a716-446655440001";

TEST(IdLines, UuidsInTheirOrderAndEachOnce) {
  const auto ids = parse_id_lines(std::string("# from a.example\n") + two + "\r\n\n  550E8400-E29B-41D4-A716-446655440000 \n" + two);
  EXPECT_EQ(ids.ids, (std::vector<std::string>{two, one}));
  EXPECT_TRUE(ids.malformed.empty());
}

TEST(IdLines, OtherLinesAreNamed) {
  const auto ids = parse_id_lines(std::string(one) + "\n5678\n550e8400-e29b-41d4-a716-44665544\n");
  EXPECT_EQ(ids.ids, std::vector<std::string>{one});
  EXPECT_EQ(ids.malformed, (std::vector<std::size_t>{2, 3}));
}

TEST(IdLines, ALongFileIsAnError) {
  const UniqueFd zeros{open("/dev/zero", O_RDONLY | O_CLOEXEC)};
  const auto ids = read_id_lines(zeros.get(), "ids");
  ASSERT_FALSE(ids);
  EXPECT_EQ(ids.error().subject, "ids");
}

}  // namespace
