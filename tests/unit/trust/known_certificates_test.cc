// SPDX-License-Identifier: Apache-2.0
#include "trust/known_certificates.h"

#include <gtest/gtest.h>

#include "pki.h"

namespace tlspool::trust {
namespace {

using namespace tlspool::test;

TEST(KnownCertificates, SecondReadGivesTheSameOne) {
  KnownCertificates known;
  const Party party = issue(Spec{});
  const auto first = known.read(party.der());
  const auto second = known.read(party.der());
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->get(), second->get());
  EXPECT_EQ(tls::der_of(second->get()), party.der());
  EXPECT_EQ(known.size(), 1u);
}

TEST(KnownCertificates, OneBitMakesAnother) {
  KnownCertificates known;
  Bytes der = issue(Spec{}).der();
  const auto first = known.read(der);
  der.back() ^= 1;  // in the signature: as certificates both can be read
  const auto second = known.read(der);
  ASSERT_TRUE(first && second);
  EXPECT_NE(first->get(), second->get());
  EXPECT_EQ(known.size(), 2u);
}

TEST(KnownCertificates, MalformedOnesAreNotRemembered) {
  KnownCertificates known;
  EXPECT_FALSE(known.read(Bytes{0x30, 0x00}));
  EXPECT_FALSE(known.read({}));
  EXPECT_EQ(known.size(), 0u);
}

TEST(KnownCertificates, LargeOnesAreReadEachTime) {
  KnownCertificates known;
  Spec spec;
  for (int i = 0; i < 400; ++i) spec.san += (i == 0 ? "DNS:" : ",DNS:") + std::string(40, 'a') + std::to_string(i) + ".example";
  const Bytes der = issue(spec).der();
  ASSERT_GT(der.size(), KnownCertificates::largest);
  EXPECT_TRUE(known.read(der));
  EXPECT_EQ(known.size(), 0u);
}

TEST(KnownCertificates, TheOldestGoesFirst) {
  KnownCertificates known;
  const Party party = issue(Spec{});
  const Bytes original = party.der();
  const auto numbered = [&](std::size_t number) {
    Bytes der = original;  // other signatures, the same length
    for (std::size_t i = 0; i < 3; ++i) der[der.size() - 1 - i] = static_cast<std::uint8_t>(number >> (8 * i));
    return der;
  };
  const auto first = known.read(numbered(0));
  for (std::size_t i = 1; i < KnownCertificates::most; ++i) ASSERT_TRUE(known.read(numbered(i)));
  EXPECT_EQ(known.size(), KnownCertificates::most);
  EXPECT_EQ(known.read(numbered(0))->get(), first->get());  // and is the newest now
  const auto second = known.read(numbered(1));
  ASSERT_TRUE(known.read(numbered(KnownCertificates::most)));
  EXPECT_EQ(known.size(), KnownCertificates::most);
  EXPECT_EQ(known.read(numbered(0))->get(), first->get());
  EXPECT_EQ(known.read(numbered(1))->get(), second->get());
  const auto third = known.read(numbered(2));  // was the oldest
  EXPECT_EQ(known.size(), KnownCertificates::most);
  ASSERT_TRUE(third);
}

}  // namespace
}  // namespace tlspool::trust
