// SPDX-License-Identifier: Apache-2.0
#include "qkd/audit_compare.h"

#include <gtest/gtest.h>

namespace {

using namespace tlspool;
using namespace tlspool::qkd;
using Ids = std::vector<std::string>;

wire::AuditRow row_of(std::string id, bool as_client, std::uint8_t check = 7) { return {std::move(id), as_client, Bytes(8, check)}; }

TEST(AuditCompare, TheSameKeysInOppositeDirectionsAreEqual) {
  const auto report = compare({row_of("1", true), row_of("2", false)}, {row_of("2", true), row_of("1", false)});
  EXPECT_TRUE(report.good());
  EXPECT_EQ(report.equal, 2U);
  EXPECT_EQ(summary(report), "");
}

TEST(AuditCompare, NoKeysAtAllAreEqual) { EXPECT_TRUE(compare({}, {}).good()); }

TEST(AuditCompare, EverySortOfDifferenceIsFound) {
  const auto report = compare({row_of("1", true), row_of("2", true), row_of("3", true), row_of("4", true), row_of("6", true), row_of("6", true)},
                              {row_of("1", false), row_of("3", false, 8), row_of("4", true), row_of("5", false), row_of("6", false)});
  EXPECT_FALSE(report.good());
  EXPECT_EQ(report.here, 6U);
  EXPECT_EQ(report.there, 5U);
  EXPECT_EQ(report.equal, 1U);
  EXPECT_EQ(report.only_here, Ids{"2"});
  EXPECT_EQ(report.only_there, Ids{"5"});
  EXPECT_EQ(report.different, Ids{"3"});
  EXPECT_EQ(report.same_direction, Ids{"4"});
  EXPECT_EQ(report.repeated, Ids{"6"});
  EXPECT_EQ(summary(report), "1 only here, 1 only there, 1 different, 1 for the same role at both sites, 1 more than once");
  EXPECT_EQ(report_text(report),
            "keys      6 here, 5 there, 1 equal\nkey 2: only here\nkey 5: only there\nkey 3: different\n"
            "key 4: for the same role at both sites\nkey 6: more than once\n");
  wire::Value out = wire::Value::object();
  report_json(out, report);
  EXPECT_EQ(wire::to_json(out), R"({"good":false,"here":6,"there":5,"equal":1,"onlyHere":["2"],"onlyThere":["5"],)"
                                R"("different":["3"],"sameDirection":["4"],"repeated":["6"]})");
}

TEST(AuditCompare, AKeyThatIsThereTwiceIsNeverEqual) {
  const auto report = compare({row_of("1", true)}, {row_of("1", false), row_of("1", false)});
  EXPECT_EQ(report.equal, 0U);
  EXPECT_EQ(report.repeated, Ids{"1"});
}

}  // namespace
