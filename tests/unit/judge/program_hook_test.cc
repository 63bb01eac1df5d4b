// SPDX-License-Identifier: Apache-2.0
// The judge's side of hooks that are programs, and of the question that goes through rules and hooks. The test plays the programs.
#include "judge/program_hook.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <chrono>

#include "../turn_until.h"
#include "base/socket.h"
#include "judge/authorization.h"
#include "wire/json.h"

namespace tlspool::judge {
namespace {

using namespace std::chrono_literals;

constexpr auto patience = 20s;

class Programs : public testing::Test {
 protected:
  /// The program's end of a process.
  static UniqueFd give(const std::function<void(UniqueFd)>& add) {
    auto pair = socket_pair(SOCK_STREAM, true).value();
    add(std::move(pair.first));
    return std::move(pair.second);
  }
  /// Turns the loop until something is there to be read, and reads it.
  std::string hear(const UniqueFd& from) {
    std::string out(4096, '\0');
    ssize_t n = 0;
    until([&] { return (n = recv(from.get(), out.data(), out.size(), MSG_DONTWAIT)) > 0; });
    return out.substr(0, static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
  }
  static void say(const UniqueFd& end, const std::string& text) {
    ASSERT_EQ(send(end.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }
  static std::int64_t number_in(const std::string& question) {
    EXPECT_TRUE(question.ends_with('\n'));
    return wire::parse_json(question.substr(0, question.size() - 1))->number("id");
  }
  static std::string yes(const std::string& question, const std::string& more = "") {
    return R"({"id":)" + std::to_string(number_in(question)) + R"(,"result":{"allow":true)" + more + "}}\n";
  }
  template <class Condition>
  void until(Condition happened) {
    EXPECT_TRUE(test::turn_until(loop_, happened));
  }
  Hook::OnAnswer note(std::vector<std::string>& into) {
    return [&into](Result<authz::HookAnswer> answer) { into.push_back(answer ? (answer->allow ? "allow" : "deny") : answer.error().reason); };
  }
  ProgramHook::OnFailed note_failed() {
    return [this](std::uint64_t process, const std::string& reason) { failed_.push_back(std::to_string(process) + " " + reason); };
  }
  static wire::HookSetup setup(const std::string& name, std::uint32_t deadline_ms = 60'000) {
    wire::HookSetup out;
    out.name = name;
    out.program = {"/program"};
    out.deadline_ms = deadline_ms;
    return out;
  }

  Loop loop_;
  std::vector<std::string> failed_;
  std::vector<std::string> answers_;
};

class OneProgram : public Programs {
 protected:
  explicit OneProgram(std::uint32_t deadline_ms = 60'000) : hook_(loop_, setup("h", deadline_ms), note_failed()) {}
  UniqueFd process(std::uint64_t number = 1) {
    return give([&](UniqueFd fd) { hook_.add(number, std::move(fd)); });
  }
  Hook::Cancel ask() { return hook_.ask({}, note(answers_)); }
  /// What becomes of a question that is answered by these bytes.
  std::string answered_by(const std::string& bytes) {
    const UniqueFd end = process();
    (void)ask();
    hear(end);
    say(end, bytes);
    until([&] { return !answers_.empty(); });
    return answers_.at(0);
  }

  ProgramHook hook_;
};

TEST_F(OneProgram, QuestionsAreAskedOneAfterTheOther) {
  const UniqueFd end = process();
  (void)ask();
  (void)ask();
  const std::string first = hear(end);
  EXPECT_EQ(std::count(first.begin(), first.end(), '\n'), 1);
  say(end, yes(first));
  const std::string second = hear(end);
  EXPECT_NE(number_in(first), number_in(second));
  say(end, R"({"id":)" + std::to_string(number_in(second)) + ",\"result\":false}\n");
  until([&] { return answers_.size() == 2; });
  EXPECT_EQ(answers_, (std::vector<std::string>{"allow", "deny"}));
  EXPECT_TRUE(failed_.empty());
}

TEST_F(OneProgram, AQuestionWaitsForAProcess) {
  (void)ask();
  loop_.turn(0ms);
  const UniqueFd end = process();
  say(end, yes(hear(end)));
  until([&] { return answers_.size() == 1; });
}

TEST_F(OneProgram, ProcessesWorkSideBySide) {
  const UniqueFd one = process(1);
  const UniqueFd two = process(2);
  (void)ask();
  (void)ask();
  const std::string first = hear(one);
  say(two, yes(hear(two)));
  until([&] { return answers_.size() == 1; });
  say(one, yes(first));
  until([&] { return answers_.size() == 2; });
}

TEST_F(OneProgram, AnAnswerMayComeInPieces) {
  const UniqueFd end = process();
  (void)ask();
  const std::string answer = yes(hear(end));
  say(end, answer.substr(0, 9));
  for (int i = 0; i < 5; ++i) loop_.turn(1ms);
  EXPECT_TRUE(answers_.empty());
  say(end, answer.substr(9));
  until([&] { return answers_.size() == 1; });
  EXPECT_EQ(answers_[0], "allow");
}

TEST_F(OneProgram, GarbageRefusesAndGivesTheProcessUp) {
  EXPECT_EQ(answered_by("oops\n").substr(0, 39), "its answer can't be used: it is no JSON");
  ASSERT_EQ(failed_.size(), 1u);
  EXPECT_TRUE(failed_[0].starts_with("1 its answer can't be used"));
}

TEST_F(OneProgram, TwoAnswersRefuse) { EXPECT_EQ(answered_by("{\"id\":1,\"result\":true}\n{\"id\":1,\"result\":true}\n"), "it gave more than one answer"); }

TEST_F(OneProgram, TooLongAnAnswerRefuses) { EXPECT_EQ(answered_by(std::string(authz::longest_answer + 2, 'x')), "its answer is longer than 64 KiB"); }

TEST_F(OneProgram, AnEndRefuses) {
  UniqueFd end = process();
  (void)ask();
  hear(end);
  end.reset();
  until([&] { return !answers_.empty(); });
  EXPECT_EQ(answers_[0], "it ended, or closed its output");
  EXPECT_EQ(failed_.size(), 1u);
}

TEST_F(OneProgram, WhatNobodyAskedForGivesTheProcessUp) {
  const UniqueFd end = process();
  say(end, "{\"id\":1,\"result\":true}\n");
  until([&] { return !failed_.empty(); });
  EXPECT_EQ(failed_[0], "1 it said something that nobody had asked");
}

TEST_F(OneProgram, ACancelledQuestionIsNotAnsweredAndItsProcessGoesOn) {
  const UniqueFd end = process();
  const auto cancel = ask();
  const std::string first = hear(end);
  cancel();
  (void)ask();
  say(end, yes(first));
  say(end, yes(hear(end)));
  until([&] { return !answers_.empty(); });
  EXPECT_EQ(answers_.size(), 1u);
  EXPECT_TRUE(failed_.empty());
}

TEST_F(OneProgram, TooManyQuestionsAreRefused) {
  for (std::size_t i = 0; i <= ProgramHook::most_waiting; ++i) (void)ask();
  EXPECT_TRUE(answers_.empty()) << "not before ask() has returned";
  until([&] { return !answers_.empty(); });
  EXPECT_EQ(answers_, std::vector<std::string>{"too many questions wait for its programs"});
}

class LateProgram : public OneProgram {
 protected:
  LateProgram() : OneProgram(30) {}
};

TEST_F(LateProgram, IsGivenUp) {
  const UniqueFd end = process();
  (void)ask();
  until([&] { return !answers_.empty(); });
  EXPECT_EQ(answers_[0], "no answer within 30 ms");
  EXPECT_EQ(failed_, std::vector<std::string>{"1 no answer within 30 ms"});
}

TEST_F(LateProgram, NoProcessIsAnAnswerToo) {
  (void)ask();
  until([&] { return !answers_.empty(); });
  EXPECT_EQ(answers_[0], "no answer within 30 ms: none of its programs runs");
}

// Rules and hooks together.
class Asking : public Programs {
 protected:
  Asking() : hooks_(std::make_shared<Hooks>(loop_, note_failed())) {
    hooks_->set({setup("one"), setup("two")});
    one_ = give([&](UniqueFd fd) { hooks_->add({"one", 1}, std::move(fd)); });
    two_ = give([&](UniqueFd fd) { hooks_->add({"two", 2}, std::move(fd)); });
    wire::RuleSetup both;
    both.services = {"both"};
    both.action = wire::RuleAction::ask;
    both.hooks = {"one", "two"};
    both.attributes = {"", {"rule"}, {{"by", "rule"}}};
    both.file = "r.toml";
    both.line = 3;
    wire::RuleSetup none;
    none.services = {"none"};
    none.action = wire::RuleAction::ask;
    none.hooks = {"three"};
    rules_ = std::make_shared<const authz::Ruleset>(authz::Ruleset::make({both, none}, {}).value());
  }
  void begin(const std::string& service) {
    authz::Facts facts;
    facts.service = service;
    facts.now = std::time(nullptr);
    asking_ = std::make_unique<Authorization>(rules_, hooks_, std::move(facts));
    asking_->start([this](Authorization::Outcome outcome) { outcome_ = std::move(outcome); });
  }

  std::shared_ptr<Hooks> hooks_;
  std::shared_ptr<const authz::Ruleset> rules_;
  UniqueFd one_;
  UniqueFd two_;
  std::unique_ptr<Authorization> asking_;
  std::optional<Authorization::Outcome> outcome_;
};

TEST_F(Asking, ARefusalByRuleIsAtOnce) {
  begin("other");
  ASSERT_TRUE(outcome_);
  EXPECT_FALSE(outcome_->allowed);
}

TEST_F(Asking, AHookThatIsNotThereRefuses) {
  begin("none");
  ASSERT_TRUE(outcome_);
  EXPECT_FALSE(outcome_->allowed);
  EXPECT_EQ(outcome_->reason, "there is no hook three");
}

TEST_F(Asking, AllMustSayYesAndTellTogether) {
  begin("both");
  EXPECT_FALSE(outcome_);
  say(two_, yes(hear(two_), R"(,"groups":["two"],"attributes":{"by":"two","x":"2"},"ttl":600)"));
  for (int i = 0; i < 5; ++i) loop_.turn(1ms);
  EXPECT_FALSE(outcome_) << "one has not answered";
  const std::int64_t before = std::time(nullptr);
  say(one_, yes(hear(one_), R"(,"groups":["one"],"alias":"x","ttl":60)"));
  until([&] { return outcome_.has_value(); });
  ASSERT_TRUE(outcome_->allowed) << outcome_->reason;
  EXPECT_EQ(outcome_->attributes.alias, "x");
  EXPECT_EQ(outcome_->attributes.groups, (std::vector<std::string>{"rule", "one", "two"}));
  EXPECT_EQ(outcome_->attributes.values, (std::vector<std::pair<std::string, std::string>>{{"by", "rule"}, {"x", "2"}}));
  EXPECT_GE(outcome_->valid_until, before + 60);
  EXPECT_LE(outcome_->valid_until, std::time(nullptr) + 60);
}

TEST_F(Asking, OneNoIsEnoughAndNobodyWaitsForTheOthers) {
  begin("both");
  const std::string question = hear(one_);
  say(one_, R"({"id":)" + std::to_string(number_in(question)) + R"(,"result":{"allow":false,"reason":"not today","ttl":60}})" + "\n");
  const std::int64_t before = std::time(nullptr);
  until([&] { return outcome_.has_value(); });
  EXPECT_FALSE(outcome_->allowed);
  EXPECT_GE(outcome_->valid_until, before + 60);
  EXPECT_EQ(outcome_->reason, "the hook one denies it: not today (the rule at r.toml:3 leaves it to hooks)");
}

TEST_F(Asking, WhatIsNoAnswerIsNotRemembered) {
  begin("both");
  hear(one_);
  say(one_, "oops\n");
  until([&] { return outcome_.has_value(); });
  EXPECT_FALSE(outcome_->allowed);
  EXPECT_LE(outcome_->valid_until, std::time(nullptr));
  EXPECT_NE(outcome_->valid_until, 0);
}

TEST_F(Asking, AReloadThatTakesAHookAwayRefusesThoseWhoWait) {
  begin("both");
  hear(one_);
  hooks_->set({setup("two")});
  ASSERT_TRUE(outcome_);
  EXPECT_FALSE(outcome_->allowed);
  EXPECT_EQ(hooks_->find("one"), nullptr);
}

TEST_F(Asking, AReloadKeepsTheProcessesOfAHookThatIsTheSame) {
  hooks_->set({setup("two"), setup("one"), setup("three")});
  begin("both");
  say(one_, yes(hear(one_)));
  say(two_, yes(hear(two_)));
  until([&] { return outcome_.has_value(); });
  EXPECT_TRUE(outcome_->allowed);
}

TEST_F(Asking, WhoeverIsGoneIsNotTold) {
  begin("both");
  const std::string question = hear(one_);
  asking_.reset();
  say(one_, yes(question));
  for (int i = 0; i < 5; ++i) loop_.turn(1ms);
  EXPECT_FALSE(outcome_);
}

}  // namespace
}  // namespace tlspool::judge
