// SPDX-License-Identifier: Apache-2.0
#include "cli/address.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace tlspool::cli {
namespace {

TEST(Address, SplitsAtTheLastColon) {
  const auto parsed = HostPort::parse("example.org:443");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->host, "example.org");
  EXPECT_EQ(parsed->port, "443");
  EXPECT_EQ(parsed->text(), "example.org:443");
}

TEST(Address, BracketsHoldIpv6) {
  const auto parsed = HostPort::parse("[2001:db8::1]:https");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->host, "2001:db8::1");
  EXPECT_EQ(parsed->port, "https");
  EXPECT_EQ(parsed->text(), "[2001:db8::1]:https");
}

TEST(Address, EachMistakeIsNamed) {
  const std::pair<const char*, const char*> mistakes[] = {
      {"example.org", "the port is missing"}, {"example.org:", "the port is missing"},
      {":443", "the host is missing"},        {"2001:db8::1:443", "more than one colon"},
      {"[::1]", "the port is missing"},       {"[::1", "a bracket is open"},
      {"[name]:1", "no IPv6 address between the brackets"},
      {"host:65536", "a port is at most 65535"}, {"host:99999999999999999999", "a port is at most 65535"},
      {"", "the port is missing"}};
  for (const auto& [text, reason] : mistakes) {
    const auto parsed = HostPort::parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().reason, reason) << text;
    EXPECT_EQ(parsed.error().code, Code::invalid) << text;
  }
}

TEST(Address, LiteralAddressesResolveToThemselves) {
  const auto v6 = resolve({"::1", "8443"}, Use::connect);
  ASSERT_TRUE(v6);
  EXPECT_EQ(v6->front().text(), "[::1]:8443");
  const auto v4 = resolve({"127.0.0.1", "0"}, Use::listen);
  ASSERT_TRUE(v4);
  EXPECT_EQ(v4->front().text(), "127.0.0.1:0");
}

TEST(Address, RefusedConnectionNamesTheAddress) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  SocketAddress here;
  here.v4.sin_family = AF_INET;
  here.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(bind(fd, &here.generic, sizeof here.v4), 0);  // bound, so that nobody else listens there
  socklen_t size = sizeof here.v4;
  ASSERT_EQ(getsockname(fd, &here.generic, &size), 0);
  const auto connected = connect_tcp({"127.0.0.1", std::to_string(ntohs(here.v4.sin_port))}, std::chrono::seconds(5));
  close(fd);
  ASSERT_FALSE(connected);
  EXPECT_EQ(connected.error().subject, here.text());
  EXPECT_EQ(connected.error().reason, "Connection refused");
}

}  // namespace
}  // namespace tlspool::cli
