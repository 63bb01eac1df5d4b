// SPDX-License-Identifier: Apache-2.0
#include "tunnel/request.h"

#include <gtest/gtest.h>

#include "tunnel/complaints.h"
#include "wire/varlink.h"

namespace tlspool::tunnel {
namespace {

wire::Call call_for(const cli::TunnelOptions& options) {
  std::string text = starttls_text(options);
  EXPECT_EQ(text.back(), '\0');
  text.pop_back();
  auto call = wire::parse_call(text);
  EXPECT_TRUE(call);
  EXPECT_TRUE(wire::pool_interface().check_call(call->method, call->parameters));
  return std::move(*call);
}

TEST(TunnelRequest, TlsInIsAServerThatAsksForNoCertificate) {
  const auto call = call_for({.listen = "127.0.0.1:1", .connect = "127.0.0.1:2", .side = cli::Side::tls_in, .as = "a.example"});
  EXPECT_EQ(call.method, "StartTLS");
  EXPECT_EQ(call.parameters.text("role"), "server");
  EXPECT_EQ(call.parameters.text("localIdentity"), "a.example");
  EXPECT_EQ(call.parameters.find("remoteIdentity"), nullptr);
  EXPECT_EQ(call.parameters.find("remoteProof"), nullptr);
}

TEST(TunnelRequest, ExpectingANameRequiresProof) {
  const auto call = call_for({.connect = "127.0.0.1:2", .side = cli::Side::tls_in, .expect = "me@a.example"});
  EXPECT_EQ(call.parameters.text("remoteIdentity"), "me@a.example");
  EXPECT_EQ(call.parameters.text("remoteProof"), "required");
  EXPECT_EQ(call.parameters.find("localIdentity"), nullptr);
}

TEST(TunnelRequest, TlsOutExpectsTheHostThatItConnectsTo) {
  const auto call = call_for({.connect = "[::1]:2", .side = cli::Side::tls_out, .alpn = {"h2", "http/1.1"}});
  EXPECT_EQ(call.parameters.text("role"), "client");
  EXPECT_EQ(call.parameters.text("remoteIdentity"), "::1");
  ASSERT_NE(call.parameters.find("alpn"), nullptr);
  EXPECT_EQ(call.parameters.find("alpn")->elements()->size(), 2u);
}

TEST(TunnelRequest, ASharedKeyIsRequiredOnlyWhereAskedFor) {
  cli::TunnelOptions options{.connect = "[::1]:2", .side = cli::Side::tls_out};
  EXPECT_EQ(call_for(options).parameters.find("requireSharedKey"), nullptr);
  options.shared_key = cli::SharedKey::required;
  EXPECT_TRUE(call_for(options).parameters.flag("requireSharedKey"));
}

TEST(TunnelRequest, APeerIsOneOnEitherSide) {
  auto call = call_for({.connect = "127.0.0.1:2", .side = cli::Side::tls_in, .roles = {.own = cli::Role::peer}, .as = "a.example", .expect = "b.example"});
  EXPECT_EQ(call.parameters.text("role"), "peer");
  EXPECT_EQ(call.parameters.text("remoteIdentity"), "b.example");
  EXPECT_EQ(call.parameters.find("remoteRole"), nullptr);
  EXPECT_EQ(call.parameters.find("helloDelayMs"), nullptr);
  call = call_for({.connect = "b.example:2",
                   .side = cli::Side::tls_out,
                   .roles = {.own = cli::Role::peer, .remote = cli::Role::server, .hello_delay = std::chrono::milliseconds{250}}});
  EXPECT_EQ(call.parameters.text("role"), "peer");
  EXPECT_EQ(call.parameters.text("remoteRole"), "server");
  EXPECT_EQ(call.parameters.number("helloDelayMs"), 250);
  EXPECT_EQ(call.parameters.text("remoteIdentity"), "b.example");
}

TEST(TunnelRequest, TheSideThatConnectsMayBeTheServer) {
  const auto call = call_for({.connect = "b.example:2", .side = cli::Side::tls_out, .roles = {.own = cli::Role::server}, .as = "a.example"});
  EXPECT_EQ(call.parameters.text("role"), "server");
  EXPECT_EQ(call.parameters.find("remoteIdentity"), nullptr);
}

TEST(TunnelRequest, OnlyAPlainClientIsSureToSpeakFirst) {
  using cli::Role;
  using cli::Side;
  EXPECT_TRUE(other_side_speaks_first({.side = Side::tls_in}));
  EXPECT_TRUE(other_side_speaks_first({.side = Side::tls_in, .roles = {.own = Role::peer, .remote = Role::client}}));
  EXPECT_FALSE(other_side_speaks_first({.side = Side::tls_out}));
  EXPECT_FALSE(other_side_speaks_first({.side = Side::tls_in, .roles = {.own = Role::peer}}));
  EXPECT_FALSE(other_side_speaks_first({.side = Side::tls_in, .roles = {.own = Role::client}}));
  EXPECT_FALSE(other_side_speaks_first({.side = Side::tls_in, .roles = {.remote = Role::peer}}));
}

TEST(TunnelAnswer, ASuccessIsNoFailure) {
  EXPECT_EQ(failure_in(R"({"parameters":{"session":{"id":"00"}}})"), "");
  EXPECT_EQ(failure_in(R"({"parameters":{"session":{"alpn":"error"}}})"), "");
}

TEST(TunnelAnswer, AFailureIsItsMessage) {
  EXPECT_EQ(failure_in(R"({"error":"io.tlspool.Pool.HandshakeFailed","parameters":{"message":"no\nway"}})"), "no\\x0away");
  EXPECT_NE(failure_in(R"({"error":"org.varlink.service.PermissionDenied"})"), "");
  EXPECT_NE(failure_in("{\"error\""), "");
}

TEST(TunnelComplaints, AFloodIsCountedNotWritten) {
  Complaints complaints;
  unsigned written = 0;
  for (int i = 0; i < 1000; ++i) written += complaints.line(5000 + i % 1000, "peer", "what").has_value() ? 1 : 0;
  EXPECT_EQ(written, Complaints::lines_a_second);
  const auto next = complaints.line(6000, "peer", "what");
  ASSERT_TRUE(next);
  EXPECT_EQ(*next, "tlspool: tunnel: peer: what (and 990 failures that were not written)\n");
}

}  // namespace
}  // namespace tlspool::tunnel
