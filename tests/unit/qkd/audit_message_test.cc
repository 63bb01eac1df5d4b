// SPDX-License-Identifier: Apache-2.0
#include "qkd/audit_message.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace {

using namespace tlspool;
using namespace tlspool::qkd;

const std::string random_hex(32, 'a');
const std::string digest_hex(64, 'b');

wire::AuditRow row(std::string id, bool as_client = true, std::uint8_t check = 7) {
  return {std::move(id), as_client, Bytes(check_value_size, check)};
}

template <class T>
T again(const T& message) {
  std::string line = audit_line(message, 3);
  EXPECT_EQ(line.back(), '\n');
  line.pop_back();
  const auto parsed = parse_audit_line(line, 3);
  EXPECT_TRUE(parsed.has_value()) << line;
  if (!parsed || !std::holds_alternative<T>(*parsed)) return {};
  return std::get<T>(*parsed);
}

TEST(AuditMessage, WhatIsWrittenIsReadAgain) {
  EXPECT_EQ(again(AuditHello{Bytes(16, 5)}).random, Bytes(16, 5));
  const auto commit = again(AuditCommit{12, Bytes(32, 6)});
  EXPECT_EQ(commit.count, 12U);
  EXPECT_EQ(commit.digest, Bytes(32, 6));
  const auto rows = again(AuditRows{{row("5678"), row("a \"key\" \\", false, 9)}}).rows;
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].id, "5678");
  EXPECT_TRUE(rows[0].as_client);
  EXPECT_EQ(rows[1].id, "a \"key\" \\");
  EXPECT_FALSE(rows[1].as_client);
  EXPECT_EQ(rows[1].check, Bytes(8, 9));
  EXPECT_EQ(again(AuditGivenUp{"tired"}).reason, "tired");
  again(AuditEnd{});
}

TEST(AuditMessage, LinesAreAsTheDocumentShowsThem) {
  EXPECT_EQ(audit_line(AuditHello{*unhex(random_hex)}, 0),
            R"({"seq":0,"kind":"hello","protocol":"tlspool-audit","version":1,"random":")" + random_hex + "\"}\n");
  EXPECT_EQ(audit_line(AuditRows{{row("5678")}}, 2), R"({"seq":2,"kind":"rows","rows":[["5678","c","0707070707070707"]]})" "\n");
  EXPECT_EQ(audit_line(AuditEnd{}, 4), R"({"seq":4,"kind":"end"})" "\n");
}

TEST(AuditMessage, WhatIsMalformedIsRefused) {
  const std::string check = "\"0011223344556677\"";
  for (const std::string& line : {
           std::string(), std::string("{"), std::string("[]"), std::string("null"), std::string("{}"),
           std::string(R"({"seq":0})"), std::string(R"({"seq":0,"kind":"other"})"), std::string(R"({"kind":"end"})"),
           std::string(R"({"seq":-1,"kind":"end"})"), std::string(R"({"seq":"0","kind":"end"})"),
           std::string(R"({"seq":1,"kind":"end"})"), std::string(R"({"seq":0,"kind":"end","more":1})"),
           R"({"seq":0,"kind":"hello","version":1,"random":")" + random_hex + "\"}",
           R"({"seq":0,"kind":"hello","protocol":"tlspool-audit","version":1,"random":")" + random_hex + "aa\"}",
           R"({"seq":0,"kind":"hello","protocol":"tlspool-audit","version":1,"random":"xy"})" + std::string(),
           R"({"seq":0,"kind":"hello","protocol":"tlspool-audit","version":1,"more":1,"random":")" + random_hex + "\"}",
           R"({"seq":0,"kind":"commit","count":-1,"digest":")" + digest_hex + "\"}",
           R"({"seq":0,"kind":"commit","count":100001,"digest":")" + digest_hex + "\"}",
           R"({"seq":0,"kind":"commit","count":"1","digest":")" + digest_hex + "\"}",
           R"({"seq":0,"kind":"commit","count":1,"digest":""})" + std::string(),
           std::string(R"({"seq":0,"kind":"rows"})"), std::string(R"({"seq":0,"kind":"rows","rows":[]})"),
           std::string(R"({"seq":0,"kind":"rows","rows":{}})"), std::string(R"({"seq":0,"kind":"rows","rows":[1]})"),
           R"({"seq":0,"kind":"rows","rows":[["5","c"]]})" + std::string(),
           R"({"seq":0,"kind":"rows","rows":[["5","x",)" + check + "]]}",
           R"({"seq":0,"kind":"rows","rows":[["","c",)" + check + "]]}",
           R"({"seq":0,"kind":"rows","rows":[["\u001b[2J","c",)" + check + "]]}",
           R"({"seq":0,"kind":"rows","rows":[["é","c",)" + check + "]]}",
           R"({"seq":0,"kind":"rows","rows":[[")" + std::string(257, 'i') + "\",\"c\"," + check + "]]}",
           R"({"seq":0,"kind":"rows","rows":[["5","c","00112233"]]})" + std::string(),
           std::string(R"({"seq":0,"kind":"givenUp"})"), std::string(R"({"seq":0,"kind":"givenUp","reason":5})"),
           std::string(longest_audit_line, ' ')}) {
    const auto parsed = parse_audit_line(line, 0);
    ASSERT_FALSE(parsed.has_value()) << line;
    EXPECT_EQ(parsed.error().code, Code::protocol);
  }
}

TEST(AuditMessage, TheVersionOfAnotherReleaseIsNamed) {
  const auto parsed = parse_audit_line(R"({"seq":0,"kind":"hello","protocol":"tlspool-audit","version":7,"other":true})", 0);
  ASSERT_FALSE(parsed.has_value());
  EXPECT_NE(parsed.error().reason.find("version 7"), std::string::npos);
}

TEST(AuditMessage, TheOtherSitesWordsAreMadePrintable) {
  const auto parsed = parse_audit_line(R"({"seq":0,"kind":"givenUp","reason":"\u001b]0;x\u0007"})", 0);
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(std::get<AuditGivenUp>(*parsed).reason, "\\x1b]0;x\\x07");
}

TEST(AuditMessage, ChunksFitIntoALineWhateverTheIdsAre) {
  std::vector<wire::AuditRow> rows(1000, row(std::string(longest_audit_id, '"')));
  std::size_t at = 0;
  while (at < rows.size()) {
    const AuditRows chunk = next_chunk(rows, at);
    ASSERT_FALSE(chunk.rows.empty());
    at += chunk.rows.size();
    EXPECT_LE(audit_line(chunk, UINT32_MAX).size(), longest_audit_line);
  }
  EXPECT_EQ(at, rows.size());
  EXPECT_TRUE(next_chunk(rows, at).rows.empty());
}

TEST(AuditMessage, TheNonceDependsOnBothSharesAndTheirOrder) {
  const Bytes a(16, 1);
  const Bytes b(16, 2);
  EXPECT_EQ(audit_nonce(a, b).size(), 32U);
  EXPECT_NE(audit_nonce(a, b), audit_nonce(b, a));
  EXPECT_NE(audit_nonce(a, b), audit_nonce(a, a));
}

TEST(AuditMessage, TheDigestDependsOnSideNonceAndEveryPartOfARow) {
  const Bytes nonce(32, 1);
  const std::vector<wire::AuditRow> rows{row("1"), row("23")};
  const Bytes digest = audit_digest(AuditSide::connecting, nonce, rows);
  EXPECT_EQ(digest.size(), audit_digest_size);
  EXPECT_NE(digest, audit_digest(AuditSide::listening, nonce, rows));
  EXPECT_NE(digest, audit_digest(AuditSide::connecting, Bytes(32, 2), rows));
  EXPECT_NE(digest, audit_digest(AuditSide::connecting, nonce, {row("12"), row("3")}));
  EXPECT_NE(digest, audit_digest(AuditSide::connecting, nonce, {row("1"), row("23", false)}));
  EXPECT_NE(digest, audit_digest(AuditSide::connecting, nonce, {row("1"), row("23", true, 8)}));
}

}  // namespace
