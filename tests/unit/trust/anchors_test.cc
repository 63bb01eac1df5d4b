// SPDX-License-Identifier: Apache-2.0
#include "trust/anchors.h"

#include <gtest/gtest.h>

#include "pki.h"

namespace tlspool::trust {
namespace {

using namespace tlspool::test;

TEST(Anchors, DuplicatesCountOnce) {
  const std::string a = issue(ca_spec("A")).pem();
  const std::string b = issue(ca_spec("B")).pem();
  Anchors anchors;
  EXPECT_EQ(anchors.add_pem(a + b + a, "x.pem").value(), 2u);
  EXPECT_EQ(anchors.add_pem(b, "y.pem").value(), 0u);
  EXPECT_EQ(anchors.count(), 2u);
}

TEST(Anchors, BrokenTextAddsNothingAndIsNamed) {
  const std::string good = issue(ca_spec("A")).pem();
  Anchors anchors;
  const auto broken = anchors.add_pem(good + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "x.pem");
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().subject, "x.pem");
  EXPECT_FALSE(anchors.add_pem("", "empty.pem"));
  EXPECT_EQ(anchors.count(), 0u);
}

}  // namespace
}  // namespace tlspool::trust
