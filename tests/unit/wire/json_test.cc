// SPDX-License-Identifier: Apache-2.0
#include "wire/json.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace tlspool::wire {
namespace {

std::string content(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(Json, BadVectorsAreRefused) {
  int seen = 0;
  for (const auto& entry : std::filesystem::directory_iterator(TLSPOOL_VECTORS "/json/bad")) {
    const auto parsed = parse_json(content(entry.path()));
    EXPECT_FALSE(parsed) << entry.path();
    if (!parsed) {
      EXPECT_EQ(parsed.error().code, Code::protocol) << entry.path();
    }
    ++seen;
  }
  EXPECT_GE(seen, 20);
}

TEST(Json, GoodVectorsComeBackAsTheyWere) {
  int seen = 0;
  for (const auto& entry : std::filesystem::directory_iterator(TLSPOOL_VECTORS "/json/good")) {
    const auto parsed = parse_json(content(entry.path()));
    ASSERT_TRUE(parsed) << entry.path() << " " << parsed.error().text();
    const std::string text = to_json(*parsed);
    const auto again = parse_json(text);
    ASSERT_TRUE(again) << text;
    EXPECT_EQ(to_json(*again), text);
    ++seen;
  }
  EXPECT_GE(seen, 4);
}

TEST(Json, EveryTruncationIsRefused) {
  const std::string text = R"({"a":[1,true,null,"x\u00e9\n"],"b":{"c":-9223372036854775808}})";
  ASSERT_TRUE(parse_json(text));
  for (std::size_t size = 0; size < text.size(); ++size) EXPECT_FALSE(parse_json(text.substr(0, size))) << size;
}

TEST(Json, NulInsideIsRefused) {
  using namespace std::string_view_literals;
  EXPECT_FALSE(parse_json("{}\0{}"sv));
  EXPECT_FALSE(parse_json("{}\0"sv));
  EXPECT_TRUE(parse_json(R"("\u0000")"));
}

TEST(Json, SixteenLevelsAndNoMore) {
  EXPECT_TRUE(parse_json(std::string(16, '[') + std::string(16, ']')));
  EXPECT_FALSE(parse_json(std::string(17, '[') + std::string(17, ']')));
  EXPECT_FALSE(parse_json(std::string(200000, '[')));
}

TEST(Json, ManyMembersAreNotQuadratic) {
  std::string text = "{";
  for (int i = 0; i < 20000; ++i) text += "\"" + std::to_string(i) + "\":0,";
  EXPECT_TRUE(parse_json(text + "\"x\":0}"));
  EXPECT_FALSE(parse_json(text + "\"777\":0}"));
}

TEST(Json, ErrorNamesTheByte) {
  EXPECT_NE(parse_json("[1,x]").error().text().find("byte 4"), std::string::npos) << parse_json("[1,x]").error().text();
}

TEST(Json, WhatIsNotUtf8IsReplaced) {
  EXPECT_EQ(to_json("a\xFF"), "\"a\xEF\xBF\xBD\"");
  EXPECT_EQ(to_json("\xC3\xA9\xF0\x9F\x94\x91"), "\"\xC3\xA9\xF0\x9F\x94\x91\"");
  EXPECT_EQ(to_json("\xED\xA0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");  // a lone surrogate
  EXPECT_EQ(to_json("\xC0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");                  // an overlong NUL
  EXPECT_EQ(to_json("\xE2\x82"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");                  // cut off
  EXPECT_TRUE(parse_json(to_json("\xFF\xFE")));
}

TEST(Json, ControlCharactersAreEscaped) {
  using namespace std::string_view_literals;
  EXPECT_EQ(to_json("\"\\\n\r\t\x01\x7F\0"sv), R"("\"\\\n\r\t\u0001\u007f\u0000")");
}

TEST(Json, MembersKeepTheirOrder) {
  Value v;
  v.set("z", 1).set("a", Value::array().push("x").push(nullptr)).set("z", 2.5);
  EXPECT_EQ(to_json(v), R"({"z":2.5,"a":["x",null]})");
}

TEST(Json, FindPassesOverNull) {
  auto v = parse_json(R"({"n":null,"i":7,"s":"x","b":true})");
  ASSERT_TRUE(v);
  EXPECT_EQ(v->find("n"), nullptr);
  EXPECT_EQ(v->number("i"), 7);
  EXPECT_EQ(v->number("s", 3), 3);
  EXPECT_EQ(v->text("s"), "x");
  EXPECT_TRUE(v->flag("b"));
  EXPECT_EQ(v->take("s").string()[0], "x");
  EXPECT_EQ(v->find("s"), nullptr);
}

TEST(Json, ARealStaysAReal) {
  for (const char* text : {"-0.0", "0.0", "5.0", "1e300", "0.25", "-2.5e-10", "123456789012345680000.0"}) {
    const auto parsed = parse_json(text);
    ASSERT_TRUE(parsed) << text;
    const auto again = parse_json(to_json(*parsed));
    ASSERT_TRUE(again) << to_json(*parsed);
    ASSERT_NE(again->real(), nullptr) << to_json(*parsed);
    EXPECT_EQ(*again->real(), *parsed->real());
    EXPECT_EQ(to_json(*again), to_json(*parsed));
  }
}

TEST(Json, InfinityBecomesNull) { EXPECT_EQ(to_json(std::numeric_limits<double>::infinity()), "null"); }

}  // namespace
}  // namespace tlspool::wire
