// SPDX-License-Identifier: Apache-2.0
#include "kex/message.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace tlspool::kex {
namespace {

Message hello(std::size_t size = 100) {
  Message m;
  m.records = Bytes(size, 0x16);
  m.id = exchange_id(m.records);
  return m;
}

TEST(Message, ComesBack) {
  for (const Step step : {Step::client_hello, Step::server_hello, Step::client_finish, Step::server_finish}) {
    Message m = hello();
    m.step = step;
    const auto back = open(seal(m));
    ASSERT_TRUE(back) << back.error().text();
    EXPECT_EQ(back->step, step);
    EXPECT_EQ(back->id, m.id);
    EXPECT_EQ(back->records, m.records);
  }
}

TEST(Message, ItsFormIsThatOfTheDocument) {
  // SHA-256 of the record, and of everything before the last 16 bytes, by sha256sum(1).
  Message m;
  m.records = *unhex("160301000100");
  m.id = exchange_id(m.records);
  EXPECT_EQ(hex(seal(m)), "160301000100"
                          "ff03030022"
                          "0101"
                          "5e1026e609a1364fa185afd248f9f582"
                          "289341afeab3a08094da41ac04d269fa");
}

TEST(Message, EveryFlippedBitIsNoticed) {
  Bytes sealed = seal(hello(20));
  for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    sealed[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    EXPECT_FALSE(open(sealed)) << bit;
    sealed[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
  }
  EXPECT_TRUE(open(sealed));
}

TEST(Message, EveryPartOfItIsTooShort) {
  const Bytes sealed = seal(hello(20));
  for (std::size_t size = 0; size < sealed.size(); ++size) EXPECT_FALSE(open(ByteView{sealed}.first(size))) << size;
}

TEST(Message, AHelloThatBelongsToAnotherExchangeIsRefused) {
  Message m = hello();
  m.id[0] ^= 1;
  const auto back = open(seal(m));
  ASSERT_FALSE(back);
  EXPECT_NE(back.error().text().find("does not belong to itself"), std::string::npos);
}

TEST(Message, TheLongestAndOneByteMore) {
  const std::size_t trailer = seal(hello(1)).size() - 1;
  EXPECT_TRUE(open(seal(hello(longest_message - trailer))));
  const auto longer = open(seal(hello(longest_message - trailer + 1)));
  ASSERT_FALSE(longer);
  EXPECT_NE(longer.error().text().find("longer than 65536"), std::string::npos);
}

}  // namespace
}  // namespace tlspool::kex
