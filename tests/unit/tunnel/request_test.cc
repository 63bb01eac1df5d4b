// SPDX-License-Identifier: Apache-2.0
#include "tunnel/request.h"

#include <gtest/gtest.h>

#include "tunnel/complaints.h"
#include "wire/varlink.h"

namespace tlspool::tunnel {
namespace {

wire::Call call_for(const cli::TunnelOptions& options) {
  std::string text = forward_text(options, 0);
  EXPECT_EQ(text.back(), '\0');
  text.pop_back();
  auto call = wire::parse_call(text);
  EXPECT_TRUE(call);
  EXPECT_TRUE(wire::pool_interface().check_call(call->method, call->parameters));
  return std::move(*call);
}

TEST(TunnelRequest, TlsInIsAServerThatAsksForNoCertificate) {
  const auto call = call_for({.listen = "127.0.0.1:1", .connect = "127.0.0.1:2", .side = cli::Side::tls_in, .as = "a.example"});
  EXPECT_EQ(call.method, "Forward");
  EXPECT_TRUE(call.more);
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

TEST(TunnelRequest, WhatGoesWithEachPairIsACallOfTheInterface) {
  const auto call = wire::parse_call(pass_text.substr(0, pass_text.size() - 1));
  ASSERT_TRUE(call);
  EXPECT_TRUE(call->oneway);
  EXPECT_TRUE(wire::pool_interface().check_call(call->method, call->parameters));
}

TEST(TunnelAnswer, TellsOfSeveralByNumber) {
  const Outcomes none = outcomes_in(R"({"continues":true,"parameters":{"workers":3,"established":[],"failed":[]}})");
  EXPECT_EQ(none.problem, "");
  EXPECT_EQ(none.workers, 3u);
  EXPECT_TRUE(none.ended.empty());
  const Outcomes three = outcomes_in(
      R"({"continues":true,"parameters":{"workers":1,"established":[4,2],"failed":[{"number":3,"message":"no\nway"}]}})");
  ASSERT_EQ(three.ended.size(), 3u);
  EXPECT_EQ(three.ended[0], (std::pair<std::uint64_t, std::string>{4, ""}));
  EXPECT_EQ(three.ended[1].first, 2u);
  EXPECT_EQ(three.ended[2], (std::pair<std::uint64_t, std::string>{3, "no\\x0away"}));
}

TEST(TunnelAnswer, AFailedCallEndsAll) {
  EXPECT_EQ(outcomes_in(R"({"error":"io.tlspool.Pool.LimitReached","parameters":{"message":"no\nway"}})").problem, "no\\x0away");
  EXPECT_NE(outcomes_in(R"({"error":"org.varlink.service.PermissionDenied"})").problem, "");
  EXPECT_NE(outcomes_in("{\"error\"").problem, "");
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
