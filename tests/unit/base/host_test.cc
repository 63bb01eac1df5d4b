// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

#include "base/text.h"

using namespace tlspool;

namespace {

TEST(Host, NamesHaveOneForm) {
  EXPECT_EQ(*normal_host("WWW.Example.COM."), "www.example.com");
  EXPECT_EQ(*normal_host("_443._tcp.a.example"), "_443._tcp.a.example");
  EXPECT_EQ(*normal_host("*.example.com"), "*.example.com");
  EXPECT_EQ(*normal_host("b\u00fccher.example"), "xn--bcher-kva.example");
  EXPECT_EQ(*normal_host("a.example\u3002"), "a.example");  // IDNA's full stop
  EXPECT_EQ(*normal_host("0:0::1"), "::1");
  EXPECT_EQ(*normal_host(std::string(63, 'a') + ".example"), std::string(63, 'a') + ".example");
}

TEST(Host, WhatIsNoNameIsRefused) {
  for (const std::string& name :
       {std::string(), std::string("."), std::string(".."), std::string("a..b"), std::string("a.\u3002"), std::string("a b"),
        std::string("a\033b"), std::string("a\0b", 3), std::string("a/b"), std::string("(a)"), std::string("a@b"), std::string("a:b"),
        std::string("\033b2(0~..."), std::string("\u00fc\033.example"), std::string("\u00fc..example"), std::string(64, 'a')}) {
    EXPECT_FALSE(normal_host(name)) << name;
  }
  std::string longest;
  while (longest.size() < 253) longest += "a.";
  longest.resize(253);
  EXPECT_TRUE(normal_host(longest));
  EXPECT_FALSE(normal_host(longest + "a"));
}

TEST(Host, ItsFormIsItsOwnForm) {
  for (const char* name : {"a.example", "b\u00fccher.example", "\u216fvi.example", "xn--bcher-kva.example", "::1", "_a.b"}) {
    const auto once = normal_host(name);
    ASSERT_TRUE(once) << name;
    EXPECT_EQ(*normal_host(*once), *once);
  }
}

}  // namespace
