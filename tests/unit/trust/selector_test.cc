// SPDX-License-Identifier: Apache-2.0
#include "trust/selector.h"

#include <gtest/gtest.h>

namespace tlspool::trust {
namespace {

using Names = std::vector<std::string>;

TEST(Selector, OfAUserFromNarrowToWide) {
  EXPECT_EQ(selectors_of("u@a.b.c"), (Names{"u@a.b.c", "@a.b.c", "u@.b.c", "@.b.c", "u@.c", "@.c", "u@.", "@."}));
}

TEST(Selector, OfADomainFromNarrowToWide) {
  EXPECT_EQ(selectors_of("a.b.c"), (Names{"a.b.c", ".b.c", ".c", "."}));
  EXPECT_EQ(selectors_of("c"), (Names{"c", "."}));
  EXPECT_EQ(selectors_of(""), Names{});
}

TEST(Selector, AddressesHaveNoParts) {
  EXPECT_EQ(selectors_of("192.0.2.7"), (Names{"192.0.2.7", "."}));
  EXPECT_EQ(selectors_of("2001:db8::1"), (Names{"2001:db8::1", "."}));
  EXPECT_EQ(selectors_of("u@192.0.2.7"), (Names{"u@192.0.2.7", "@192.0.2.7", "u@.", "@."}));
}

TEST(Selector, UsersAndDomainsAreApart) {
  EXPECT_FALSE(selects(".", "u@a.b"));
  EXPECT_FALSE(selects("a.b", "u@a.b"));
  EXPECT_FALSE(selects(".b", "u@a.b"));
  EXPECT_FALSE(selects("@.", "a.b"));
  EXPECT_FALSE(selects("@a.b", "a.b"));
  EXPECT_TRUE(selects("@.", "u@a.b"));
  EXPECT_TRUE(selects(".", "a.b"));
}

TEST(Selector, ADomainIsNotBelowItself) {
  EXPECT_TRUE(selects(".b.c", "a.b.c"));
  EXPECT_TRUE(selects(".b.c", "x.a.b.c"));
  EXPECT_FALSE(selects(".b.c", "b.c"));
  EXPECT_FALSE(selects(".b.c", "ab.c"));
  EXPECT_TRUE(selects("@b.c", "u@b.c"));
  EXPECT_FALSE(selects("@b.c", "u@a.b.c"));
}

TEST(Selector, IsNormalised) {
  EXPECT_EQ(*normal_selector("Web.EXAMPLE."), "web.example");
  EXPECT_EQ(*normal_selector(".B\xc3\xbc" "cher.example"), ".xn--bcher-kva.example");
  EXPECT_EQ(*normal_selector("User@.Example"), "User@.example");
  EXPECT_EQ(*normal_selector("@."), "@.");
  EXPECT_EQ(*normal_selector("."), ".");
  EXPECT_EQ(*normal_selector("0:0::1"), "::1");
}

TEST(Selector, EveryFormOfANameIsASelector) {
  for (const char* name : {"u@a.b.c", "a.b.c", "c", "192.0.2.7", "u@2001:db8::1"}) {
    for (const std::string& form : selectors_of(name)) {
      const auto normal = normal_selector(form);
      ASSERT_TRUE(normal) << form;
      EXPECT_EQ(*normal, form);
      EXPECT_TRUE(selects(form, name));
    }
  }
}

TEST(Selector, WhatIsNoneIsRefused) {
  for (const char* wrong : {"", "@", "u@", "..", ".a..b", "*.example", "*@example", ".0.2.7", "10.1", ".192.0.2.7", "u v@example", "a b", "\x01@example"}) {
    const auto out = normal_selector(wrong);
    ASSERT_FALSE(out) << wrong << " gives " << *out;
    EXPECT_EQ(out.error().code, Code::invalid);
  }
  EXPECT_FALSE(normal_selector(std::string(300, 'u') + "@example"));
}

TEST(SelectorIndex, KeepsScopesApartAndTheFirstValue) {
  SelectorIndex index;
  EXPECT_EQ(index.add(1, ".example", 10), 10u);
  EXPECT_EQ(index.add(1, ".example", 11), 10u);
  EXPECT_EQ(index.add(2, ".example", 20), 20u);
  EXPECT_EQ(index.find(1, ".example"), 10u);
  EXPECT_EQ(index.find(2, ".example"), 20u);
  EXPECT_EQ(index.find(3, ".example"), std::nullopt);
  EXPECT_EQ(index.find(1, "example"), std::nullopt);
}

}  // namespace
}  // namespace tlspool::trust
