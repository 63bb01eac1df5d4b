// SPDX-License-Identifier: Apache-2.0
#include "judge/outcome_table.h"

#include <gtest/gtest.h>

namespace tlspool::judge {
namespace {

authz::EntryKey numbered(std::uint32_t number) {
  authz::EntryKey out{};
  std::memcpy(out.data(), &number, sizeof number);
  return out;
}

wire::ChainVerdict accepted(std::string identity) {
  wire::ChainVerdict v;
  v.accepted = true;
  v.identity = std::move(identity);
  return v;
}

TEST(OutcomeTable, KeepsWhatWasUsedLast) {
  OutcomeTable table;
  table.limit(3);
  for (std::uint32_t i = 0; i < 3; ++i) table.put(numbered(i), accepted(std::to_string(i)), 100);
  ASSERT_NE(table.find(numbered(0), 1), nullptr);
  table.put(numbered(3), accepted("3"), 100);
  EXPECT_EQ(table.find(numbered(1), 1), nullptr);
  for (const std::uint32_t there : {0, 2, 3}) ASSERT_NE(table.find(numbered(there), 1), nullptr) << there;
  EXPECT_EQ(table.size(), 3U);
}

TEST(OutcomeTable, ForgetsWhatIsOver) {
  OutcomeTable table;
  table.limit(3);
  table.put(numbered(1), accepted("a"), 100);
  EXPECT_NE(table.find(numbered(1), 99), nullptr);
  EXPECT_EQ(table.find(numbered(1), 100), nullptr);
  EXPECT_EQ(table.size(), 0U);
  EXPECT_EQ(table.bytes(), 0U);
}

TEST(OutcomeTable, ALargerMemoryThanAllowedIsNotTaken) {
  OutcomeTable table;
  table.limit(1'000'000);
  wire::ChainVerdict large = accepted(std::string(1 << 20, 'x'));
  for (std::uint32_t i = 0; i < 100; ++i) table.put(numbered(i), large, 100);
  EXPECT_LE(table.bytes(), OutcomeTable::most_bytes);
  EXPECT_GT(table.size(), 32U);
  large.reason = std::string(OutcomeTable::most_bytes, 'x');
  table.put(numbered(1000), large, 100);
  EXPECT_EQ(table.find(numbered(1000), 1), nullptr);
}

TEST(OutcomeTable, WithoutRoomNothingIsKept) {
  OutcomeTable table;
  table.put(numbered(1), accepted("a"), 100);
  EXPECT_EQ(table.find(numbered(1), 1), nullptr);
}

}  // namespace
}  // namespace tlspool::judge
