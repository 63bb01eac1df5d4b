// SPDX-License-Identifier: Apache-2.0
#include "kex/password.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "base/text.h"

namespace tlspool::kex {
namespace {

Secret material() {
  Secret out{material_size};
  for (std::size_t i = 0; i < material_size; ++i) out.writable()[i] = static_cast<std::uint8_t>(i * 151 + i / 7);
  return out;
}

std::string shown(Format format, std::optional<std::size_t> size = std::nullopt) {
  auto result = written(material(), format, size);
  return result ? std::string(text_of(result->bytes())) : result.error().text();
}

constexpr std::array formats{Format::password, Format::words, Format::base64, Format::hex, Format::raw};

TEST(Password, SixteenCharactersWithoutLookAlikes) {
  const std::string password = shown(Format::password);
  EXPECT_EQ(password.size(), 16U);
  EXPECT_EQ(shown(Format::password, 128).find_first_of("0Oo1lIi"), std::string::npos);
}

TEST(Password, EachCharacterIsTheRemainderOfEightBytes) {
  Secret m{material_size};
  m.writable()[7] = 54;   // the last character
  m.writable()[15] = 55;  // the first again
  m.writable()[16] = 1;   // 2^56 mod 55 is 31, by bc(1)
  auto result = written(m, Format::password, 8);
  ASSERT_TRUE(result);
  EXPECT_EQ(text_of(result->bytes()), "9aJaaaaa");
}

TEST(Password, Forms) {
  EXPECT_EQ(split(shown(Format::words), ' ').size(), 13U);  // 128 bits
  EXPECT_EQ(shown(Format::hex), hex(material().bytes().first(32)));
  EXPECT_EQ(shown(Format::base64), base64(material().bytes().first(32)));
  EXPECT_EQ(shown(Format::raw, 40), text_of(material().bytes().first(40)));
}

TEST(Password, WhoWantsLessHasTheBeginning) {
  for (const Format format : formats) {
    if (format == Format::base64) continue;  // but for its padding
    EXPECT_TRUE(shown(format, 64).starts_with(shown(format, 20))) << static_cast<int>(format);
  }
}

TEST(Password, TheLeastAndTheMostAndBeyond) {
  for (const Format format : formats) {
    const Lengths lengths = lengths_of(format);
    EXPECT_TRUE(written(material(), format, lengths.least));
    EXPECT_TRUE(written(material(), format, lengths.most));
    EXPECT_FALSE(written(material(), format, lengths.least - 1));
    EXPECT_FALSE(written(material(), format, lengths.most + 1));
  }
}

}  // namespace
}  // namespace tlspool::kex
