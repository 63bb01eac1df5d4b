// SPDX-License-Identifier: Apache-2.0
#include "cli/key_text.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace tlspool::cli {
namespace {

std::string shown(std::string_view text) {
  const auto key = key_of_text(view(text));
  return key ? hex(key->bytes()) : key.error().reason;
}

TEST(KeyText, HexadecimalInAnyLettersAndWithBlanks) {
  EXPECT_EQ(shown("00ff10"), "00ff10");
  EXPECT_EQ(shown(" 00 FF\n10\r\n"), "00ff10");
}

TEST(KeyText, Base64WithItsPadding) {
  EXPECT_EQ(shown("AP8Q"), "00ff10");
  EXPECT_EQ(shown("AP8QAA==\n"), "00ff1000");
  EXPECT_EQ(shown("AP8\n QAA\t=="), "00ff10" "00");
}

TEST(KeyText, DigitsThatCouldBeBothAreHexadecimal) { EXPECT_EQ(shown("abcd"), "abcd"); }

TEST(KeyText, OddDigitsAreNotTakenForBase64) { EXPECT_EQ(shown("abc"), "an odd number of hexadecimal digits"); }

TEST(KeyText, WhatIsNeitherIsRefused) {
  for (const char* text : {"AP8QAA", "AP8QAA=", "AP8Q!", "0x00ff", "00-ff", "AP_Q", "=", "AP=8"}) {
    EXPECT_EQ(shown(text), "neither hexadecimal digits nor base64") << text;
  }
  EXPECT_EQ(shown(""), "there is none on standard input");
  EXPECT_EQ(shown(" \n"), "there is none on standard input");
}

TEST(KeyText, NoErrorShowsTheText) {
  const auto key = key_of_text(view("s3cret!"));
  ASSERT_FALSE(key);
  EXPECT_EQ(key.error().text().find("s3cret"), std::string::npos);
}

TEST(KeyText, SizesAreThoseOfTheKeeper) {
  EXPECT_FALSE(check_key_size(0));
  EXPECT_FALSE(check_key_size(15));
  EXPECT_TRUE(check_key_size(16));
  EXPECT_TRUE(check_key_size(256));
  EXPECT_FALSE(check_key_size(257));
}

TEST(KeyText, NamesFitIntoTheConfiguration) {
  EXPECT_TRUE(check_key_name("device-17"));
  EXPECT_TRUE(check_key_name(std::string(64, 'x')));
  for (const std::string& name : {std::string(), std::string(65, 'x'), std::string("a b"), std::string("a:b"), std::string("a/b"), std::string("a\"b"),
                           std::string("a\\b"), std::string("\xc3\xa4"), std::string("a\n")}) {
    EXPECT_FALSE(check_key_name(name)) << name;
  }
}

}  // namespace
}  // namespace tlspool::cli
