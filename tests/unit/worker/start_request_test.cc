// SPDX-License-Identifier: Apache-2.0
#include "worker/start_request.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/socket.h"
#include "wire/varlink.h"

using namespace tlspool;
using namespace tlspool::worker;
using wire::Value;

namespace {

constexpr std::chrono::milliseconds standard{30000};

Value client() {
  return Value::object().set("fileDescriptor", 0).set("role", "client").set("remoteIdentity", "Web.Example.");
}
Value server() { return Value::object().set("fileDescriptor", 0).set("role", "server"); }

std::string wrong_parameter(const Value& parameters) {
  auto parsed = parse_start(parameters, standard);
  return parsed ? "" : parsed.error().subject;
}

TEST(StartRequest, NormalisesNamesAndSendsThemAsSni) {
  auto r = parse_start(client(), standard);
  ASSERT_TRUE(r);
  EXPECT_EQ(r->remote_identity, "web.example");
  EXPECT_EQ(r->server_name, "web.example");
  EXPECT_EQ(r->proof, Proof::required);
  EXPECT_EQ(r->deadline, standard);
}

TEST(StartRequest, TurnsAnInternationalNameIntoItsALabel) {
  auto r = parse_start(client().set("remoteIdentity", "b\xC3\xBC"
                                                      "cher.example"),
                       standard);
  ASSERT_TRUE(r);
  EXPECT_EQ(r->remote_identity, "xn--bcher-kva.example");
}

TEST(StartRequest, SendsNoSniForAnAddress) {
  auto r = parse_start(client().set("remoteIdentity", "192.0.2.1"), standard);
  ASSERT_TRUE(r);
  EXPECT_EQ(r->server_name, "");
}

TEST(StartRequest, AUserIsReachedAtItsDomain) {
  auto r = parse_start(client().set("remoteIdentity", "Joe@Web.Example"), standard);
  ASSERT_TRUE(r);
  EXPECT_EQ(r->remote_identity, "Joe@web.example");
  EXPECT_EQ(r->server_name, "web.example");
}

TEST(StartRequest, AClientMustSayWhomItExpects) {
  EXPECT_EQ(wrong_parameter(Value::object().set("fileDescriptor", 0).set("role", "client")), "remoteIdentity");
  EXPECT_EQ(wrong_parameter(Value::object().set("fileDescriptor", 0).set("role", "client").set("remoteProof", "none")), "");
}

TEST(StartRequest, AServerAsksForNoProofUnlessItNamesSomebody) {
  EXPECT_EQ(parse_start(server(), standard)->proof, Proof::none);
  EXPECT_EQ(parse_start(server().set("remoteIdentity", "joe@web.example"), standard)->proof, Proof::required);
  EXPECT_EQ(parse_start(server().set("remoteProof", "optional"), standard)->proof, Proof::optional);
}

TEST(StartRequest, NoProofContradictsAnExpectedName) {
  EXPECT_EQ(wrong_parameter(client().set("remoteProof", "none")), "remoteProof");
}

TEST(StartRequest, NamesTheParameterAtFault) {
  EXPECT_EQ(wrong_parameter(client().set("remoteIdentity", "")), "remoteIdentity");
  EXPECT_EQ(wrong_parameter(client().set("localIdentity", "@web.example")), "localIdentity");
  EXPECT_EQ(wrong_parameter(client().set("localIdentity", std::string(1025, 'a'))), "localIdentity");
  EXPECT_EQ(wrong_parameter(client().set("fileDescriptor", 2)), "fileDescriptor");
  EXPECT_EQ(wrong_parameter(client().set("fileDescriptor", -1)), "fileDescriptor");
  EXPECT_EQ(wrong_parameter(client().set("plaintextFileDescriptor", 0)), "plaintextFileDescriptor");
  EXPECT_EQ(wrong_parameter(client().set("alpn", Value::array().push(""))), "alpn");
  EXPECT_EQ(wrong_parameter(client().set("alpn", Value::array().push(std::string(256, 'h')))), "alpn");
  EXPECT_EQ(wrong_parameter(client().set("sendServerName", "192.0.2.1")), "sendServerName");
  EXPECT_EQ(wrong_parameter(server().set("sendServerName", "web.example")), "sendServerName");
}

TEST(StartRequest, DeadlineHoldsItsLimits) {
  for (const int good : {1, 600000}) EXPECT_EQ(wrong_parameter(client().set("deadlineMs", good)), "");
  for (const int bad : {0, -5, 600001}) EXPECT_EQ(wrong_parameter(client().set("deadlineMs", bad)), "deadlineMs");
}

TEST(StartRequest, AlpnTakesItsWireForm) {
  auto r = parse_start(client().set("alpn", Value::array().push("h2").push("http/1.1")), standard);
  ASSERT_TRUE(r);
  EXPECT_EQ(text_of(r->alpn), std::string_view("\x02h2\x08http/1.1"));
}

StartRequest with_plaintext() { return *parse_start(server().set("plaintextFileDescriptor", 1), standard); }

TEST(Descriptors, AConnectedStreamSocketIsGood) {
  auto pair = socket_pair(SOCK_STREAM, false);
  EXPECT_TRUE(check_descriptors(*parse_start(server(), standard), {pair->first.get()}));
  EXPECT_TRUE(check_descriptors(with_plaintext(), {pair->first.get(), pair->second.get()}));
}

TEST(Descriptors, TheCountIsExact) {
  auto pair = socket_pair(SOCK_STREAM, false);
  const StartRequest one = *parse_start(server(), standard);
  EXPECT_FALSE(check_descriptors(one, {}));
  EXPECT_FALSE(check_descriptors(one, {pair->first.get(), pair->second.get()}));
  EXPECT_FALSE(check_descriptors(with_plaintext(), {pair->first.get()}));
  EXPECT_FALSE(check_descriptors(*parse_start(server().set("fileDescriptor", 1), standard), {pair->first.get()}));
}

TEST(Descriptors, TheSameSocketTwiceIsRefused) {
  auto pair = socket_pair(SOCK_STREAM, false);
  UniqueFd copy{dup(pair->first.get())};
  EXPECT_FALSE(check_descriptors(with_plaintext(), {pair->first.get(), copy.get()}));
}

TEST(Descriptors, WhatCanNotCarryTlsIsRefusedWithItsReason) {
  const StartRequest one = *parse_start(server(), standard);
  const auto reason = [&](int fd) { return check_descriptors(one, {fd}).error().reason; };
  UniqueFd file{open("/dev/null", O_RDWR | O_CLOEXEC)};
  EXPECT_EQ(reason(file.get()), "it is no socket");
  UniqueFd datagram{socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  EXPECT_EQ(reason(datagram.get()), "it is no stream socket");
  UniqueFd fresh{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  EXPECT_EQ(reason(fresh.get()), "it is not connected");
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(bind(fresh.get(), reinterpret_cast<sockaddr*>(&any), sizeof any), 0);
  ASSERT_EQ(listen(fresh.get(), 1), 0);
  EXPECT_EQ(reason(fresh.get()), "it is a listening socket");
  EXPECT_EQ(reason(-1), "it is no socket");
}

}  // namespace
