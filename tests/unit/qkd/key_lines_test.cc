// SPDX-License-Identifier: Apache-2.0
#include "qkd/key_lines.h"

#include <gtest/gtest.h>

namespace {

using namespace tlspool;
using namespace tlspool::qkd;

const Bytes sixteen{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

wire::NumberedKey key_in(std::string_view line) {
  auto parsed = parse_key_line(line);
  EXPECT_TRUE(parsed.has_value()) << line;
  if (!parsed || !parsed->has_value()) return {};
  return std::move(**parsed);
}

TEST(KeyLines, KeyIsHexadecimalOrBase64) {
  for (const char* line : {"5678 000102030405060708090a0b0c0d0e0f", "5678 000102030405060708090A0B0C0D0E0F",
                           "5678 AAECAwQFBgcICQoLDA0ODw==", "  5678 \t AAECAwQFBgcICQoLDA0ODw==  "}) {
    const auto key = key_in(line);
    EXPECT_EQ(key.id, "5678") << line;
    EXPECT_EQ(key.key, sixteen) << line;
  }
}

TEST(KeyLines, WhatCouldBeEitherIsHexadecimal) { EXPECT_EQ(key_in("1 abcdabcd").key, (Bytes{0xab, 0xcd, 0xab, 0xcd})); }

TEST(KeyLines, AnIdMayHoldBlanks) { EXPECT_EQ(key_in("the first key abcd").id, "the first key"); }

TEST(KeyLines, CommentsAndEmptyLinesAreLeftOut) {
  for (const char* line : {"", "   ", "\t", "# 5678 abcd", "  #"}) {
    const auto parsed = parse_key_line(line);
    ASSERT_TRUE(parsed.has_value()) << line;
    EXPECT_FALSE(parsed->has_value()) << line;
  }
}

TEST(KeyLines, ErrorsHoldNothingOfTheLine) {
  for (const char* line : {"00112233445566778899aabbccddeeff", "5678 00112233!", "5678 00112233445566778899aabbccddee-_"}) {
    const auto parsed = parse_key_line(line);
    ASSERT_FALSE(parsed.has_value()) << line;
    EXPECT_EQ(parsed.error().code, Code::invalid);
    EXPECT_EQ(parsed.error().text().find("0011"), std::string::npos) << parsed.error().text();
  }
}

struct Lines {
  std::vector<std::pair<std::size_t, std::string>> seen;
  LineSplitter splitter;
  Status add(std::string_view piece) { return splitter.add(view(piece), on_line()); }
  Status finish() { return splitter.finish(on_line()); }
  LineSplitter::OnLine on_line() {
    return [this](std::size_t number, std::string_view line) {
      seen.emplace_back(number, line);
      return Status{};
    };
  }
};

TEST(LineSplitter, LinesMayComeInPiecesAndTheLastOneWithoutItsEnd) {
  Lines lines;
  for (const char* piece : {"fir", "st\nsecond\r", "\n\nfo", "ur"}) ASSERT_TRUE(lines.add(piece));
  ASSERT_TRUE(lines.finish());
  using Seen = std::vector<std::pair<std::size_t, std::string>>;
  EXPECT_EQ(lines.seen, (Seen{{1, "first"}, {2, "second"}, {3, ""}, {4, "four"}}));
}

TEST(LineSplitter, ALongLineIsAnErrorThatNamesIt) {
  Lines lines;
  ASSERT_TRUE(lines.add("one\n" + std::string(longest_key_line, 'x')));
  const auto more = lines.add("x");
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().subject, "line 2");
}

TEST(LineSplitter, ALongFileIsAnError) {
  std::string piece;
  while (piece.size() < 1 << 20) piece += std::string(1023, '#') + "\n";
  LineSplitter splitter;
  const auto ignore = [](std::size_t, std::string_view) { return Status{}; };
  for (std::size_t sent = 0; sent < longest_key_file; sent += piece.size()) ASSERT_TRUE(splitter.add(view(piece), ignore));
  EXPECT_FALSE(splitter.add(view("x"), ignore));
}

TEST(LineSplitter, AnErrorOfTheReaderEndsIt) {
  LineSplitter splitter;
  int calls = 0;
  const auto refuse = [&](std::size_t, std::string_view) -> Status {
    ++calls;
    return fail({Code::closed, "x", "", "", ""});
  };
  EXPECT_FALSE(splitter.add(view("a\nb\nc\n"), refuse));
  EXPECT_EQ(calls, 1);
}

}  // namespace
