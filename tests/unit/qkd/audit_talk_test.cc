// SPDX-License-Identifier: Apache-2.0
#include "qkd/audit_talk.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <functional>
#include <thread>

#include "base/socket.h"
#include "base/text.h"

namespace {

using namespace tlspool;
using namespace tlspool::qkd;
using Clock = std::chrono::steady_clock;
using Rows = std::vector<wire::AuditRow>;

const auto patience = std::chrono::seconds(60);

/// Check values as a token would compute them: of the key (its last byte here) and the nonce.
Rows with_checks(Rows rows, ByteView nonce) {
  for (wire::AuditRow& row : rows) {
    Bytes check(nonce.begin(), nonce.begin() + check_value_size);
    check.back() ^= row.check.at(0);
    row.check = check;
  }
  return rows;
}

RowsOf rows_of(Rows rows) {
  return [rows = std::move(rows)](ByteView nonce) -> Result<Rows> { return with_checks(rows, nonce); };
}

wire::AuditRow talked(std::string id, bool as_client, std::uint8_t key = 1) { return {std::move(id), as_client, Bytes{key}}; }

std::pair<Result<AuditReport>, Result<AuditReport>> both(const RowsOf& connecting, const RowsOf& listening) {
  auto ends = socket_pair(SOCK_STREAM, false);
  const auto deadline = Clock::now() + patience;
  Result<AuditReport> there;
  std::thread other([&] { there = talk(ends->second.get(), AuditSide::listening, listening, deadline); ends->second.reset(); });
  auto here = talk(ends->first.get(), AuditSide::connecting, connecting, deadline);
  ends->first.reset();
  other.join();
  return {std::move(here), std::move(there)};
}

/// What our side says to one that behaves as `other` does.
Result<AuditReport> against(AuditSide side, const std::function<void(int)>& other,
                            std::chrono::milliseconds limit = patience) {
  auto ends = socket_pair(SOCK_STREAM, false);
  std::thread peer([&] { other(ends->second.get()); shutdown(ends->second.get(), SHUT_WR); });
  auto report = talk(ends->first.get(), side, rows_of({talked("1", true)}), Clock::now() + limit);
  ends->first.reset();
  peer.join();
  return report;
}

void say(int fd, const std::string& text) { static_cast<void>(transmit(fd, view(text), {})); }

std::string hear(int fd) {
  std::string line;
  for (char c = 0; c != '\n' && recv(fd, &c, 1, 0) == 1;) line += c;
  return line;
}

const std::string hello = audit_line(AuditHello{Bytes(16, 1)}, 0);

TEST(AuditTalk, BothSidesComeToTheSame) {
  const auto [here, there] = both(rows_of({talked("1", true), talked("2", true), talked("3", false, 5)}),
                                  rows_of({talked("1", false), talked("3", true, 6), talked("4", true)}));
  ASSERT_TRUE(here) << here.error().text();
  ASSERT_TRUE(there) << there.error().text();
  EXPECT_EQ(here->equal, 1U);
  EXPECT_EQ(here->only_here, there->only_there);
  EXPECT_EQ(here->only_here, std::vector<std::string>{"2"});
  EXPECT_EQ(here->only_there, std::vector<std::string>{"4"});
  EXPECT_EQ(here->different, std::vector<std::string>{"3"});
  EXPECT_EQ(there->different, std::vector<std::string>{"3"});
}

TEST(AuditTalk, ManyKeysNeedManyLines) {
  Rows here;
  Rows there;
  for (int i = 0; i < 10'000; ++i) {
    here.push_back(talked(std::to_string(i), i % 2 == 0));
    there.push_back(talked(std::to_string(i), i % 2 != 0));
  }
  const auto [one, other] = both(rows_of(here), rows_of(there));
  ASSERT_TRUE(one && other);
  EXPECT_TRUE(one->good());
  EXPECT_EQ(one->equal, 10'000U);
  EXPECT_TRUE(other->good());
}

TEST(AuditTalk, NoKeysAtBothSidesAreEqual) {
  const auto [here, there] = both(rows_of({}), rows_of({}));
  ASSERT_TRUE(here && there);
  EXPECT_TRUE(here->good());
}

TEST(AuditTalk, ASiteThatCannotReadItsKeysSaysSo) {
  const RowsOf failing = [](ByteView) -> Result<Rows> { return fail({Code::token_failed, "C_Sign", "token=a", "CKR_DEVICE_ERROR", {}}); };
  const auto [here, there] = both(rows_of({talked("1", true)}), failing);
  ASSERT_FALSE(here);
  ASSERT_FALSE(there);
  EXPECT_EQ(here.error().reason, "the other site gave up: it could not read its own keys");
  EXPECT_EQ(there.error().code, Code::token_failed);
}

TEST(AuditTalk, TooManyKeysAreRefused) {
  const auto [here, there] = both(rows_of(Rows(most_audit_rows + 1, talked("1", true))), rows_of({}));
  ASSERT_FALSE(here);
  EXPECT_EQ(here.error().code, Code::invalid);
  EXPECT_FALSE(there);
}

TEST(AuditTalk, AMirrorIsFoundOut) {
  // It sends back whatever it gets: the commitment is then one of the wrong side.
  const auto report = against(AuditSide::connecting, [](int fd) {
    for (std::string line = hear(fd); !line.empty(); line = hear(fd)) say(fd, line);
  });
  ASSERT_FALSE(report);
  EXPECT_NE(report.error().reason.find("not those that it committed itself to"), std::string::npos) << report.error().text();
}

TEST(AuditTalk, RowsOtherThanThoseCommittedToAreFoundOut) {
  const auto report = against(AuditSide::connecting, [](int fd) {
    hear(fd);
    say(fd, hello);
    hear(fd);
    say(fd, audit_line(AuditCommit{1, Bytes(32, 1)}, 1));
    const std::string rows = hear(fd);
    say(fd, rows + hear(fd));
  });
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Code::protocol);
}

TEST(AuditTalk, MoreRowsThanSpokenOfAreRefused) {
  const auto report = against(AuditSide::listening, [](int fd) {
    say(fd, hello);
    hear(fd);
    say(fd, audit_line(AuditCommit{1, Bytes(32, 1)}, 1));
    hear(fd);
    const wire::AuditRow one{"1", true, Bytes(8, 1)};
    say(fd, audit_line(AuditRows{{one, one}}, 2));
    EXPECT_NE(hear(fd).find("givenUp"), std::string::npos);
  });
  ASSERT_FALSE(report);
  EXPECT_NE(report.error().reason.find("more than the 1"), std::string::npos);
}

TEST(AuditTalk, MisbehaviourIsAnErrorThatSaysWhat) {
  struct Case {
    std::string said;
    std::string told;
  };
  for (const Case& c : {Case{"", "ended the connection"}, Case{"GET / HTTP/1.0\r\n\r\n", "JSON"}, Case{"{}\n", "not number 0"},
                        Case{audit_line(AuditEnd{}, 0), "out of turn"}, Case{hello + hello, "not number 1"},
                        Case{std::string(longest_audit_line, 'x'), "without end"}, Case{hello.substr(0, 20), "ended the connection"},
                        Case{audit_line(AuditGivenUp{"no time"}, 0), "gave up: no time"}}) {
    const auto report = against(AuditSide::listening, [&](int fd) { say(fd, c.said); });
    ASSERT_FALSE(report) << c.said.substr(0, 80);
    EXPECT_NE(report.error().text().find(c.told), std::string::npos) << c.told << ": " << report.error().text();
  }
}

TEST(AuditTalk, ASilentSiteEndsAtTheDeadline) {
  auto ends = socket_pair(SOCK_STREAM, false);
  const auto report = talk(ends->first.get(), AuditSide::listening, rows_of({}), Clock::now() + std::chrono::milliseconds(50));
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Code::timeout);
}

TEST(AuditTalk, ASiteThatDoesNotReadEndsAtTheDeadline) {
  Rows many;
  for (int i = 0; i < 50'000; ++i) many.push_back(talked("key number " + std::to_string(i), true));
  auto ends = socket_pair(SOCK_STREAM, false);
  say(ends->second.get(), hello + audit_line(AuditCommit{0, Bytes(32, 0)}, 1));
  const auto report = talk(ends->first.get(), AuditSide::connecting, rows_of(many), Clock::now() + std::chrono::seconds(2));
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Code::timeout);
}

}  // namespace
