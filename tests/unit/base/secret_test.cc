// SPDX-License-Identifier: Apache-2.0
#include "base/secret.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace tlspool {
namespace {

bool all(const Secret& secret, std::uint8_t value) {
  return std::ranges::all_of(secret.bytes(), [&](std::uint8_t byte) { return byte == value; });
}

TEST(SecretTest, NewOneIsZerosAlsoWhereAnotherOneWas) {
  for (const std::size_t size : {1, 32, 64, 65, 256, 257, 1024, 1025, 5000}) {
    {
      Secret used(size);
      std::ranges::fill(used.writable(), std::uint8_t{0xff});
    }
    const Secret fresh(size);
    EXPECT_EQ(fresh.size(), size);
    EXPECT_TRUE(all(fresh, 0)) << size;
  }
}

TEST(SecretTest, ManyOfEverySizeDoNotTouchEachOther) {
  std::vector<Secret> secrets;
  for (std::size_t i = 0; i < 600; ++i) {
    Secret one(1 + i * 7 % 1500);
    std::ranges::fill(one.writable(), static_cast<std::uint8_t>(i));
    secrets.push_back(std::move(one));
    if (i % 3 == 0) secrets[i / 2] = Secret{};
  }
  for (std::size_t i = 0; i < secrets.size(); ++i) EXPECT_TRUE(all(secrets[i], static_cast<std::uint8_t>(i))) << i;
}

TEST(SecretTest, ShrunkOneKeepsItsBeginning) {
  Secret secret(1024);
  std::ranges::fill(secret.writable(), std::uint8_t{7});
  secret.shrink(32);
  EXPECT_EQ(secret.size(), 32U);
  EXPECT_TRUE(all(secret, 7));
}

}  // namespace
}  // namespace tlspool
