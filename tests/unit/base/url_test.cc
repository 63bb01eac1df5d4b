// SPDX-License-Identifier: Apache-2.0
#include "base/url.h"

#include <gtest/gtest.h>

namespace tlspool {
namespace {

TEST(Url, IsCutIntoHostPortAndPath) {
  const auto url = parse_https_url("https://KME-a.Example.:8443/qkd/one/");
  ASSERT_TRUE(url) << url.error().text();
  EXPECT_EQ(url->host, "kme-a.example");
  EXPECT_EQ(url->port, 8443);
  EXPECT_EQ(url->path, "/qkd/one");
  EXPECT_EQ(url->text(), "https://kme-a.example:8443/qkd/one");
}

TEST(Url, HasThePortOfHttpsByDefault) {
  const auto url = parse_https_url("HTTPS://kme.example");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->port, 443);
  EXPECT_EQ(url->path, "");
  EXPECT_EQ(url->text(), "https://kme.example");
}

TEST(Url, TakesAddresses) {
  EXPECT_EQ(parse_https_url("https://127.0.0.1:1")->host, "127.0.0.1");
  const auto six = parse_https_url("https://[0:0::1]:8443");
  ASSERT_TRUE(six);
  EXPECT_EQ(six->host, "::1");
  EXPECT_EQ(six->text(), "https://[::1]:8443");
}

TEST(Url, RefusesEverythingElse) {
  for (const char* text :
       {"", "kme.example", "http://kme.example", "https://", "https://:8443", "https://kme.example:", "https://kme.example:0",
        "https://kme.example:65536", "https://kme.example:8443x", "https://user@kme.example", "https://kme.example/?a=b",
        "https://kme.example?a", "https://kme.example/#a", "https://[::1", "https://[::1]8443", "https://[127.0.0.1]",
        "https://kme.example/a/../b", "https://kme.example/a//b", "https://kme.example/a b", "https://kme.example/a\r\nX: y"}) {
    const auto url = parse_https_url(text);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().code, Code::invalid);
    EXPECT_FALSE(url.error().reason.empty());
  }
}

}  // namespace
}  // namespace tlspool
