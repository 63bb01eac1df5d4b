// SPDX-License-Identifier: Apache-2.0
#include "worker/audit.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "base/socket.h"
#include "wire/json.h"
#include "worker/peer_address.h"

namespace tlspool::worker {
namespace {

authz::Caller caller() { return {{4711, 1000, 1001, {}}, "/usr/bin/curl\n"}; }

TEST(AuditLine, GoesToTheJournalAsOneMessage) {
  auto pair = socket_pair(SOCK_SEQPACKET, false).value();
  Audit audit;
  audit.set({wire::AuditTo::journal, "/pool"}, std::move(pair.first));
  audit.identity_refused(caller(), "evil\nPRIORITY=0", "server");
  std::array<char, 8192> got;
  const ssize_t n = recv(pair.second.get(), got.data(), got.size(), 0);
  ASSERT_GT(n, 0);
  const std::string text(got.data(), static_cast<std::size_t>(n));
  ASSERT_TRUE(text.starts_with("MESSAGE={")) << text;
  EXPECT_TRUE(text.ends_with("}\nPRIORITY=6\nSYSLOG_IDENTIFIER=tlspool-audit\n")) << text;
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3);
  const auto line = wire::parse_json(text.substr(8, text.find('\n') - 8));
  ASSERT_TRUE(line);
  EXPECT_EQ(line->text("localIdentity"), "evil\\x0aPRIORITY=0");
  EXPECT_EQ(line->text("executable"), "/usr/bin/curl\\x0a");
  EXPECT_EQ(line->number("uid"), 1000);
  EXPECT_EQ(line->text("reason"), "identity");
}

TEST(AuditLine, ThatCanNotBeWrittenIsCountedAndHarmsNothing) {
  Audit audit;
  const auto lost = [] { return counters::slots[counters::slot<counters::Family::audit_lines>(counters::Written::lost)].load(); };
  const auto before = lost();
  audit.set({wire::AuditTo::file, "/pool"}, UniqueFd{open("/dev/full", O_WRONLY | O_CLOEXEC)});
  audit.identity_refused(caller(), "a.example", "client");
  audit.set({wire::AuditTo::file, "/pool"}, UniqueFd{});
  audit.identity_refused(caller(), "a.example", "client");
  auto pair = socket_pair(SOCK_SEQPACKET, false).value();
  pair.second.reset();
  audit.set({wire::AuditTo::journal, "/pool"}, std::move(pair.first));
  audit.identity_refused(caller(), "a.example", "client");
  EXPECT_EQ(lost(), before + 3);
}

TEST(AuditLine, IsNotMadeWhereNobodyWantsIt) {
  Audit audit;
  audit.set({wire::AuditTo::nowhere, "/pool"}, UniqueFd{});
  EXPECT_FALSE(audit.wanted());
  audit.set({static_cast<wire::AuditTo>(99), "/pool"}, UniqueFd{});
  EXPECT_FALSE(audit.wanted());
}

TEST(PeerAddressText, IsAsPeopleWriteIt) {
  PeerAddress address;
  EXPECT_EQ(address.text(), "");
  EXPECT_STREQ(address.transport(), "other");
  address.family = AF_INET;
  address.port = 443;
  address.ip = {192, 0, 2, 1};
  EXPECT_EQ(address.text(), "192.0.2.1:443");
  address.family = AF_INET6;
  address.ip = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  EXPECT_EQ(address.text(), "[2001:db8::1]:443");
  EXPECT_STREQ(address.transport(), "tcp");
  auto pair = socket_pair(SOCK_STREAM, false).value();
  EXPECT_STREQ(PeerAddress::of(pair.first.get()).transport(), "unix");
  EXPECT_EQ(PeerAddress::of(-1).family, 0);
}

}  // namespace
}  // namespace tlspool::worker
