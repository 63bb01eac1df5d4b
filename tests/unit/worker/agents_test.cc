// SPDX-License-Identifier: Apache-2.0
#include "worker/agents.h"

#include <gtest/gtest.h>

#include <vector>

namespace tlspool::worker {
namespace {

constexpr uid_t joe = 1000;
constexpr uid_t ann = 1001;
constexpr pid_t agent = 70;

/// The agents of one worker, and what they were told.
struct Played {
  Agents agents;
  std::vector<wire::Value> told;
  bool reads = true;
  std::vector<Agents::Answer> answers;

  pid_t watch(uid_t uid, pid_t pid = agent) {
    return agents.watch(uid, pid, [this](wire::Value parameters) {
      if (reads) told.push_back(std::move(parameters));
      return reads;
    });
  }
  /// The id, or why nobody can be asked.
  std::string ask(uid_t uid) {
    auto asked = agents.ask(3, uid, {"joe@clients.example", "web.example", true, wire::role_client, "", 7, "tlspool.toml:1", std::chrono::seconds{1}},
                            [this](Agents::Answer answer) { answers.push_back(answer); });
    return asked ? *asked : asked.error().reason;
  }
};

TEST(Agents, WithoutOneNobodyIsAsked) {
  Played p;
  EXPECT_EQ(p.ask(joe), "no agent of user 1000 is there");
  EXPECT_EQ(p.watch(ann), 0);
  EXPECT_EQ(p.ask(joe), "no agent of user 1000 is there") << "another user's does not count";
}

TEST(Agents, AnAnswerReachesWhoAsked) {
  Played p;
  ASSERT_EQ(p.watch(joe), 0);
  const std::string id = p.ask(joe);
  ASSERT_EQ(p.told.size(), 1u);
  EXPECT_EQ(p.told[0].find("question")->text("id"), id);
  EXPECT_EQ(id.substr(32), "03") << "it names its worker";
  EXPECT_TRUE(p.agents.answer(id, joe, agent, Agents::Answer::show));
  EXPECT_EQ(p.answers, std::vector{Agents::Answer::show});
  EXPECT_FALSE(p.agents.answer(id, joe, agent, Agents::Answer::refuse)) << "once";
}

TEST(Agents, OnlyTheProcessThatWatchesAnswers) {
  Played p;
  ASSERT_EQ(p.watch(joe), 0);
  ASSERT_EQ(p.watch(ann), 0);
  const std::string id = p.ask(joe);
  EXPECT_FALSE(p.agents.answer(id, joe, agent + 1, Agents::Answer::show));
  EXPECT_FALSE(p.agents.answer(id, ann, agent, Agents::Answer::show));
  EXPECT_FALSE(p.agents.answer("", joe, agent, Agents::Answer::show));
  EXPECT_TRUE(p.answers.empty());
}

TEST(Agents, AUserHasOne) {
  Played p;
  EXPECT_EQ(p.watch(joe), 0);
  EXPECT_EQ(p.watch(joe, 71), agent);
  p.agents.leave(joe);
  EXPECT_EQ(p.watch(joe, 71), 0);
}

TEST(Agents, OneThatLeavesLeavesNobodyWaiting) {
  Played p;
  ASSERT_EQ(p.watch(joe), 0);
  ASSERT_EQ(p.watch(ann), 0);
  p.ask(joe);
  p.ask(joe);
  const std::string other = p.ask(ann);
  p.agents.leave(joe);
  EXPECT_EQ(p.answers, (std::vector{Agents::Answer::gone, Agents::Answer::gone}));
  EXPECT_TRUE(p.agents.answer(other, ann, agent, Agents::Answer::refuse));
}

TEST(Agents, AWithdrawnQuestionIsToldAndHasNoAnswer) {
  Played p;
  ASSERT_EQ(p.watch(joe), 0);
  const std::string id = p.ask(joe);
  p.agents.withdraw(id);
  p.agents.withdraw(id);
  ASSERT_EQ(p.told.size(), 2u);
  EXPECT_EQ(p.told[1].text("withdrawn"), id);
  EXPECT_FALSE(p.agents.answer(id, joe, agent, Agents::Answer::show));
  EXPECT_TRUE(p.answers.empty());
}

TEST(Agents, QuestionsAreLimited) {
  Played p;
  ASSERT_EQ(p.watch(joe), 0);
  std::string first;
  for (int i = 0; i < 32; ++i) {
    const std::string id = p.ask(joe);
    EXPECT_EQ(id.size(), 34u);
    if (first.empty()) first = id;
  }
  EXPECT_EQ(p.ask(joe), "the agent has too many questions to answer already");
  p.agents.withdraw(first);
  EXPECT_EQ(p.ask(joe).size(), 34u);
  for (uid_t uid = 2000; uid < 2007; ++uid) {
    ASSERT_EQ(p.watch(uid), 0);
    for (int i = 0; i < 32; ++i) EXPECT_EQ(p.ask(uid).size(), 34u);
  }
  ASSERT_EQ(p.watch(ann), 0);
  EXPECT_EQ(p.ask(ann), "the agent has too many questions to answer already") << "all users together";
}

TEST(Agents, OneThatDoesNotReadIsNotWaitedFor) {
  Played p;
  ASSERT_EQ(p.watch(joe), 0);
  p.reads = false;
  EXPECT_EQ(p.ask(joe), "the agent does not read its questions");
  p.agents.leave(joe);
  EXPECT_TRUE(p.answers.empty());
}

}  // namespace
}  // namespace tlspool::worker
