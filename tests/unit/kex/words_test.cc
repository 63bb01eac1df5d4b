// SPDX-License-Identifier: Apache-2.0
#include "kex/words.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "base/text.h"

namespace tlspool::kex {
namespace {

std::string spoken(const Secret& secret) { return std::string(text_of(secret.bytes())); }

bool one_letter_apart(std::string_view a, std::string_view b) {
  if (a.size() > b.size()) std::swap(a, b);
  if (b.size() - a.size() > 1) return false;
  std::size_t same = 0;
  while (same < a.size() && a[same] == b[same]) ++same;
  return a.size() == b.size() ? a.substr(same + 1 > a.size() ? same : same + 1) == b.substr(same + 1 > b.size() ? same : same + 1)
                              : a.substr(same) == b.substr(same + 1);
}

TEST(Words, AreSortedShortAndPlain) {
  EXPECT_TRUE(std::ranges::is_sorted(word_list));
  EXPECT_EQ(std::set<std::string_view>(word_list.begin(), word_list.end()).size(), word_list.size());
  for (const std::string_view word : word_list) {
    EXPECT_GE(word.size(), 3U) << word;
    EXPECT_LE(word.size(), 7U) << word;
    EXPECT_TRUE(std::ranges::all_of(word, [](char c) { return c >= 'a' && c <= 'z'; })) << word;
  }
}

TEST(Words, AWordHeardBadlyIsNoOtherOne) {
  for (std::size_t i = 0; i < word_list.size(); ++i) {
    for (std::size_t j = i + 1; j < word_list.size(); ++j) {
      EXPECT_FALSE(one_letter_apart(word_list[i], word_list[j])) << word_list[i] << " " << word_list[j];
    }
  }
}

TEST(Words, TenBitsEach) {
  EXPECT_EQ(spoken(words_of(Bytes{0, 0, 0, 0, 0}, 4)), "able able able able");
  EXPECT_EQ(spoken(words_of(Bytes{0xff, 0xff, 0xff, 0xff, 0xff}, 4)), "zero zero zero zero");
  EXPECT_EQ(spoken(words_of(Bytes{0x00, 0x40, 0x20, 0x0c, 0x04}, 4)),
            std::string(word_list[1]) + " " + std::string(word_list[2]) + " " + std::string(word_list[3]) + " " + std::string(word_list[4]));
}

TEST(Words, ToCompareByVoice) {
  // By Python: hashlib.scrypt(bytes(32), salt=b"tlspool kex sas", n=65536, r=8, p=1, maxmem=2**27, dklen=10).
  const auto words = authentication_words(Bytes(32, 0));
  ASSERT_TRUE(words) << words.error().text();
  EXPECT_EQ(split(spoken(*words), ' ').size(), 8U);
  EXPECT_EQ(spoken(*words), spoken(words_of(*unhex("6b3eb1d5744b60619ef1"), 8)));
}

}  // namespace
}  // namespace tlspool::kex
