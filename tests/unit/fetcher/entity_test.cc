// SPDX-License-Identifier: Apache-2.0
#include "fetcher/entity.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <future>

#include "../etsi014/scripted_entity.h"
#include "base/name_service.h"
#include "base/text.h"
#include "fake_worker.h"

namespace tlspool::fetcher {
namespace {

using After = ScriptedEntity::After;
using wire::KeyProblem;
const std::string id = "bc490419-7d60-487f-adc1-4ddcc177c139";

std::string one_key(std::size_t bytes = 32) {
  return ScriptedEntity::http(200, R"({"keys":[{"key_ID":")" + id + R"(","key":")" + base64(Bytes(bytes, 9)) + R"("}]})");
}

class EntityTest : public ::testing::Test {
 protected:
  EntityTest() {
    setup.name = "kme-a";
    setup.host = "127.0.0.1";
    setup.port = script.listen();
    setup.identity = "sae-a.example";
    setup.expect = "kme-a.example";
    setup.timeout_ms = 20000;
  }
  void start() {
    entity = std::make_shared<Entity>(setup, links);
    links->add(worker.control());
  }
  std::future<wire::FetchAnswer> ask(const std::string& key_id = {}) {
    const auto promise = std::make_shared<std::promise<wire::FetchAnswer>>();
    entity->ask({"kme-a", "sae-b", key_id, 256}, [promise](wire::FetchAnswer answer) { promise->set_value(std::move(answer)); });
    return promise->get_future();
  }
  void TearDown() override {
    entity->retire();
    entity.reset();
    links.reset();
    script.end();
  }

  ScriptedEntity script;
  FakeWorker worker;
  wire::KmeSetup setup;
  std::shared_ptr<ControlLinks> links = std::make_shared<ControlLinks>();
  std::shared_ptr<Entity> entity;
};

TEST_F(EntityTest, AnswersWithTheKey) {
  start();
  script.say(one_key());
  const wire::FetchAnswer answer = ask().get();
  EXPECT_EQ(answer.problem, KeyProblem::none) << answer.message;
  EXPECT_EQ(answer.key_id, id);
  EXPECT_EQ(answer.key, Bytes(32, 9));
  EXPECT_NE(script.requests().at(0).find("/api/v1/keys/sae-b/enc_keys"), std::string::npos);
}

TEST_F(EntityTest, OneHandshakeIsEnoughForManyKeys) {
  start();
  for (int i = 0; i < 5; ++i) {
    script.say(one_key());
    EXPECT_EQ(ask(id).get().problem, KeyProblem::none);
  }
  EXPECT_EQ(worker.calls().size(), 1u);
}

TEST_F(EntityTest, ProblemsNameEntityAndKey) {
  start();
  for (const auto& [bytes, problem, words] :
       {std::tuple{ScriptedEntity::http(401, ""), KeyProblem::failed, "HTTP 401"},
        {ScriptedEntity::http(503, R"({"message":"the link is down"})"), KeyProblem::failed, "the link is down"},
        {ScriptedEntity::http(400, R"({"message":"one or more keys specified are not found on KME"})"), KeyProblem::unknown, "not found"},
        {ScriptedEntity::http(404, ""), KeyProblem::failed, "HTTP 404"},
        {ScriptedEntity::http(200, "{"), KeyProblem::failed, "not JSON"},
        {one_key(16), KeyProblem::failed, "128 bits"}}) {
    script.say(bytes);
    const wire::FetchAnswer answer = ask(id).get();
    EXPECT_EQ(answer.problem, problem) << answer.message;
    EXPECT_TRUE(answer.key.empty());
    EXPECT_NE(answer.message.find("key management entity kme-a"), std::string::npos) << answer.message;
    EXPECT_NE(answer.message.find(id), std::string::npos) << answer.message;
    EXPECT_NE(answer.message.find(words), std::string::npos) << answer.message;
    EXPECT_NE(answer.message.find(';'), std::string::npos) << "no advice: " << answer.message;
  }
  script.say(ScriptedEntity::http(503, R"({"message":"not enough keys"})"));
  EXPECT_EQ(ask().get().problem, KeyProblem::exhausted);
}

TEST_F(EntityTest, ASilentEntityIsGivenUpAtItsTimeout) {
  setup.timeout_ms = 200;
  start();
  script.say("", After::silence);
  const wire::FetchAnswer answer = ask(id).get();
  EXPECT_EQ(answer.problem, KeyProblem::failed);
  EXPECT_NE(answer.message.find("no answer until the deadline"), std::string::npos) << answer.message;
  EXPECT_NE(answer.message.find("lost"), std::string::npos) << answer.message;
  EXPECT_EQ(script.requests().size(), 1u);
}

TEST_F(EntityTest, ManyRequestsShareItsThreads) {
  start();
  std::vector<std::future<wire::FetchAnswer>> answers;
  for (int i = 0; i < 40; ++i) script.say(one_key());
  for (int i = 0; i < 40; ++i) answers.push_back(ask());
  for (auto& answer : answers) EXPECT_EQ(answer.get().problem, KeyProblem::none);
  EXPECT_LE(worker.calls().size(), Entity::most_threads);
  EXPECT_EQ(script.requests().size(), 40u);
}

TEST_F(EntityTest, WhatNobodyListensToIsSaid) {
  script.end();
  start();
  const wire::FetchAnswer answer = ask().get();
  EXPECT_EQ(answer.problem, KeyProblem::failed);
  EXPECT_NE(answer.message.find("Connection refused"), std::string::npos) << answer.message;
  EXPECT_TRUE(worker.calls().empty());
}

TEST(Dial, EndsAtTheDeadline) {
  const auto late = dial("127.0.0.1", 1, std::chrono::steady_clock::now() - std::chrono::seconds(1));
  ASSERT_FALSE(late);
}

TEST(Dial, SaysThatAHostHasNoAddress) {
  const auto none = dial("256.256.256.256.", 1, std::chrono::steady_clock::now() + std::chrono::seconds(30));
  ASSERT_FALSE(none);
  EXPECT_FALSE(none.error().advice.empty());
}

TEST(Dial, ResolverReadsItsConfigurationOnly) {
  for (const std::string& path : prepare_resolver()) {
    EXPECT_TRUE(path == "/etc" || path.starts_with("/run/") || path.starts_with("/var/") || path.starts_with("/usr/")) << path;
  }
}

}  // namespace
}  // namespace tlspool::fetcher
