// SPDX-License-Identifier: Apache-2.0
#include "etsi014/client.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "scripted_entity.h"

namespace tlspool::etsi014 {
namespace {

using After = ScriptedEntity::After;
const std::string id = "bc490419-7d60-487f-adc1-4ddcc177c139";

std::string one_key(std::size_t bytes = 32) {
  return R"({"keys":[{"key_ID":")" + id + R"(","key":")" + base64(Bytes(bytes, 9)) + R"("}]})";
}

class ClientTest : public ::testing::Test {
 protected:
  static Deadline soon() { return std::chrono::steady_clock::now() + std::chrono::seconds(20); }
  static Deadline at_once() { return std::chrono::steady_clock::now() + std::chrono::milliseconds(100); }
  Result<KeyContainer> enc(Deadline deadline = soon()) { return client.enc_keys("sae-b", {.number = 1, .size = 256}, deadline); }
  Result<KeyContainer> dec(Deadline deadline = soon()) { return client.dec_keys("sae-a", {id}, 256, deadline); }
  /// It failed with `code`, names the URL, says `what`, and what to do.
  static void expect_error(const Error& error, Code code, const std::string& what) {
    EXPECT_EQ(error.code, code) << error.text();
    EXPECT_NE(error.text().find("https://kme.example:8443/x"), std::string::npos) << error.text();
    EXPECT_NE(error.text().find(what), std::string::npos) << error.text();
    EXPECT_FALSE(error.advice.empty()) << error.text();
  }

  ScriptedEntity entity;
  Client client{{"kme.example", 8443, "/x"}, [this](Deadline) { return entity.connect(); }};
};

TEST_F(ClientTest, AsksForKeysAsTheStandardSays) {
  entity.say(ScriptedEntity::http(200, one_key()));
  const auto keys = enc();
  ASSERT_TRUE(keys) << keys.error().text();
  ASSERT_EQ(keys->keys.size(), 1u);
  EXPECT_EQ(keys->keys[0].id, id);
  EXPECT_EQ(keys->keys[0].value.size(), 32u);
  const std::string request = entity.requests().at(0);
  EXPECT_EQ(request.substr(0, request.find("\r\n")), "POST /x/api/v1/keys/sae-b/enc_keys HTTP/1.1");
  EXPECT_NE(request.find("Host: kme.example:8443\r\n"), std::string::npos) << request;
  EXPECT_NE(request.find("Content-Type: application/json\r\n"), std::string::npos) << request;
  EXPECT_EQ(request.substr(request.find("\r\n\r\n") + 4), R"({"size":256})");
  EXPECT_EQ(request.find("gzip"), std::string::npos);
}

TEST_F(ClientTest, AsksForAKeyByItsId) {
  entity.say(ScriptedEntity::http(200, one_key()));
  ASSERT_TRUE(dec());
  const std::string request = entity.requests().at(0);
  EXPECT_EQ(request.substr(0, request.find("\r\n")), "POST /x/api/v1/keys/sae-a/dec_keys HTTP/1.1");
  EXPECT_EQ(request.substr(request.find("\r\n\r\n") + 4), R"({"key_IDs":[{"key_ID":")" + id + R"("}]})");
}

TEST_F(ClientTest, AsksForTheStatus) {
  entity.say(ScriptedEntity::http(200, to_text(Status{"k1", "k2", "a", "b", 256, 5, 10, 1, 512, 128, 0})));
  EXPECT_FALSE(client.status("sae b", soon()));
  const auto good = client.status("urn:b/1", soon());
  ASSERT_TRUE(good) << good.error().text();
  EXPECT_EQ(good->stored_key_count, 5);
  const std::string request = entity.requests().at(0);
  EXPECT_EQ(request.substr(0, request.find("\r\n")), "GET /x/api/v1/keys/urn%3ab%2f1/status HTTP/1.1");
}

TEST_F(ClientTest, KeepsItsConnection) {
  for (int i = 0; i < 3; ++i) entity.say(ScriptedEntity::http(200, one_key()));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(enc());
  EXPECT_EQ(entity.connections(), 1);
}

TEST_F(ClientTest, TakesChunks) {
  const std::string body = one_key();
  entity.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n" + body.substr(0, 5) + "\r\n" +
             [&] { std::string n; for (std::size_t v = body.size() - 5; v > 0; v /= 16) n.insert(n.begin(), "0123456789abcdef"[v % 16]); return n; }() +
             "\r\n" + body.substr(5) + "\r\n0\r\n\r\n");
  EXPECT_TRUE(enc());
}

TEST_F(ClientTest, ConnectsAnewWhereTheEntityClosed) {
  entity.say(ScriptedEntity::http(200, one_key(), "Connection: close\r\n"), After::close);
  entity.say(ScriptedEntity::http(200, one_key()));
  ASSERT_TRUE(enc());
  ASSERT_TRUE(enc());
  EXPECT_EQ(entity.connections(), 2);
}

TEST_F(ClientTest, DoesNotTakeAnAnswerThatNobodyAskedFor) {
  entity.say(ScriptedEntity::http(200, one_key()) + ScriptedEntity::http(400, "{}"));
  entity.say(ScriptedEntity::http(200, one_key()));
  ASSERT_TRUE(enc());
  ASSERT_TRUE(enc());
  EXPECT_EQ(entity.connections(), 2);
}

TEST_F(ClientTest, RefusalsSayWhatToDo) {
  entity.say(ScriptedEntity::http(400, R"({"message":"one or more keys specified are not found on KME","details":[{"id":"1"}]})"));
  expect_error(dec().error(), Code::not_found, "not found on KME (\"id\":\"1\")");
  entity.say(ScriptedEntity::http(401, ""));
  expect_error(enc().error(), Code::denied, "does not know this SAE");
  entity.say(ScriptedEntity::http(503, R"({"message":"link down"})"));
  expect_error(enc().error(), Code::io, "HTTP 503: link down");
  entity.say(ScriptedEntity::http(404, "<html>nothing</html>"));
  expect_error(enc().error(), Code::config, "HTTP 404");
  entity.say(ScriptedEntity::http(302, "", "Location: https://elsewhere.example/\r\n"));
  expect_error(enc().error(), Code::io, "HTTP 302");
  EXPECT_EQ(entity.requests().size(), 5u);
}

TEST_F(ClientTest, ErrorsNameTheKey) {
  entity.say(ScriptedEntity::http(401, ""));
  EXPECT_NE(dec().error().text().find(id), std::string::npos);
}

TEST_F(ClientTest, BrokenAnswersLoseTheKeyAndSaySo) {
  for (const std::string& body : {std::string("{"), std::string("{}"), one_key(8), std::string(R"({"keys":[]})")}) {
    entity.say(ScriptedEntity::http(200, body));
    const auto keys = dec();
    ASSERT_FALSE(keys) << body;
    expect_error(keys.error(), Code::protocol, id);
    EXPECT_NE(keys.error().advice.find("it is lost and never asked for again"), std::string::npos);
  }
  EXPECT_EQ(entity.requests().size(), 4u);
}

TEST_F(ClientTest, AnAnswerThatDoesNotComeIsNotAskedForAgain) {
  entity.say("", After::close);
  expect_error(dec().error(), Code::closed, "the connection ended without an answer");
  EXPECT_EQ(entity.requests().size(), 1u);
  entity.say(ScriptedEntity::http(200, one_key()).substr(0, 120), After::close);
  const auto half = dec();
  ASSERT_FALSE(half);
  expect_error(half.error(), Code::closed, "in the middle of the answer");
  EXPECT_NE(half.error().advice.find("lost"), std::string::npos);
  EXPECT_EQ(entity.requests().size(), 2u);
}

TEST_F(ClientTest, ADeadlineEndsEveryWait) {
  entity.say("", After::silence);
  expect_error(dec(at_once()).error(), Code::timeout, "no answer until the deadline");
  entity.say("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", After::silence);
  expect_error(dec(at_once()).error(), Code::timeout, "had not ended at the deadline");
  EXPECT_EQ(entity.connections(), 2);
}

TEST_F(ClientTest, WhatIsNoHttpIsRefused) {
  for (const std::string& bytes : {std::string("SSH-2.0-OpenSSH\r\n"), std::string("HTTP/1.1 abc\r\n\r\n"), std::string(100000, 'x'),
                                   "HTTP/1.1 200 " + std::string(50000, 'y') + "\r\n\r\n"}) {
    entity.say(bytes, After::close);
    const auto keys = enc();
    ASSERT_FALSE(keys);
    EXPECT_EQ(keys.error().code == Code::protocol || keys.error().code == Code::closed, true) << keys.error().text();
    EXPECT_LT(keys.error().text().size(), 1000u);
  }
}

TEST_F(ClientTest, AnEndlessAnswerIsCutOff) {
  entity.say("HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n" + std::string(5000000, ' '), After::close);
  expect_error(enc().error(), Code::protocol, "too long");
  std::string headers = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 100000; ++i) headers += "X-Header-" + std::to_string(i) + ": y\r\n";
  entity.say(headers, After::close);
  EXPECT_FALSE(enc());
}

TEST_F(ClientTest, SeveralKeysComeAtOnce) {
  std::string body = R"({"keys":[)";
  for (int i = 0; i < 128; ++i) {
    std::string name = id;
    name.replace(0, 3, std::to_string(100 + i));
    body += (i > 0 ? "," : "") + (R"({"key_ID":")" + name) + R"(","key":")" + base64(Bytes(48, 1)) + R"("})";
  }
  entity.say(ScriptedEntity::http(200, body + "]}"));
  const auto keys = client.enc_keys("sae-b", {.number = 128, .size = 384}, soon());
  ASSERT_TRUE(keys) << keys.error().text();
  EXPECT_EQ(keys->keys.size(), 128u);
  EXPECT_TRUE(keys->problems.empty());
}

TEST(Client, SaysWhyThereIsNoConnection) {
  Client client({"kme.example", 443, ""}, [](Deadline) -> Result<UniqueFd> {
    return fail({Code::io, "connect", "kme.example port 443", "Connection refused", "start it"});
  });
  const auto status = client.status("sae", std::chrono::steady_clock::now() + std::chrono::seconds(5));
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().text(),
            "connect to the key management entity: https://kme.example: connect: kme.example port 443: Connection refused; start it");
}

TEST_F(ClientTest, AnyAnswerCanBeLookedAt) {
  entity.say(ScriptedEntity::http(418, "{}"));
  const auto reply = client.exchange({"GET", "/api/v1/keys/sae-b/enc_keys?number=2&size=7", {}}, soon());
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 418);
  EXPECT_EQ(reply->content_type, "application/json");
  EXPECT_EQ(reply->text(), "{}");
  EXPECT_TRUE(entity.requests().at(0).starts_with("GET /x/api/v1/keys/sae-b/enc_keys?number=2&size=7 HTTP/1.1\r\n"));
}

}  // namespace
}  // namespace tlspool::etsi014
