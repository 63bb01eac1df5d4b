// SPDX-License-Identifier: Apache-2.0
// Each file of tests/vectors/hook_answer says in its first line what the rest of it, as the answer to question 7, comes to.
#include "authz/hook_answer.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "wire/json.h"

namespace tlspool::authz {
namespace {

std::string outcome(const HookAnswer& answer) {
  std::string out = answer.allow ? "allow" : "deny";
  if (!answer.attributes.alias.empty()) out += " alias=" + answer.attributes.alias;
  for (std::size_t i = 0; i < answer.attributes.groups.size(); ++i) out += (i == 0 ? " groups=" : ",") + answer.attributes.groups[i];
  for (const auto& [name, value] : answer.attributes.values) out += " " + name + "=" + value;
  if (answer.ttl > 0) out += " ttl=" + std::to_string(answer.ttl);
  return out;
}

class HookAnswers : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(HookAnswers, EndAsTheirFirstLineSays) {
  std::ostringstream text;
  text << std::ifstream(GetParam()).rdbuf();
  const std::string whole = text.str();
  const auto end = whole.find('\n');
  ASSERT_TRUE(whole.starts_with("# expect: "));
  const std::string expected = whole.substr(10, end - 10);
  const auto answer = parse_hook_answer(std::string_view(whole).substr(end + 1), 7);
  if (expected.starts_with("allow") || expected.starts_with("deny")) {
    ASSERT_TRUE(answer) << answer.error().text();
    EXPECT_EQ(outcome(*answer), expected);
  } else {
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Code::protocol);
    EXPECT_TRUE(answer.error().reason.starts_with(expected)) << answer.error().reason;
  }
}

std::vector<std::filesystem::path> vectors() {
  std::vector<std::filesystem::path> out;
  for (const auto& entry : std::filesystem::directory_iterator(TLSPOOL_VECTORS "/hook_answer")) out.push_back(entry.path());
  std::sort(out.begin(), out.end());
  return out;
}

INSTANTIATE_TEST_SUITE_P(All, HookAnswers, testing::ValuesIn(vectors()), [](const auto& info) {
  std::string name = info.param.stem().string();
  for (char& c : name) {
    if (c == '-') c = '_';
  }
  return name;
});

TEST(HookAnswer, AServiceAnswersWithoutANumber) {
  EXPECT_TRUE(parse_hook_answer(R"({"result":true})", std::nullopt)->allow);
  EXPECT_FALSE(parse_hook_answer("{}", std::nullopt)) << "what the Open Policy Agent says of a policy that is not there";
}

TEST(HookAnswer, WhatWasToldBeforeStays) {
  wire::Attributes told{"rule", {"a"}, {{"tier", "1"}}};
  add_attributes(told, {"hook", {"a", "b"}, {{"tier", "2"}, {"zone", "x"}}});
  EXPECT_EQ(told.alias, "rule");
  EXPECT_EQ(told.groups, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(told.values, (std::vector<std::pair<std::string, std::string>>{{"tier", "1"}, {"zone", "x"}}));
}

TEST(HookQuestion, SaysWhatIsKnownInOneLine) {
  Facts facts;
  facts.remote = "u@a.example";
  facts.names = {"u@a.example", "spiffe://td/\"x\n"};
  facts.how = "chain";
  facts.local = "mail.example";
  facts.service = "imap";
  facts.role = wire::role_server;
  facts.uid = 1000;
  facts.now = 1780315200;
  const std::string text = hook_question(facts, 7);
  EXPECT_EQ(text.find('\n'), std::string::npos);
  const auto value = wire::parse_json(text);
  ASSERT_TRUE(value);
  EXPECT_EQ(value->number("id"), 7);
  const wire::Value& input = *value->find("input");
  EXPECT_EQ(input.text("remote"), "u@a.example");
  EXPECT_EQ(input.find("names")->elements()->size(), 2u);
  EXPECT_EQ(input.text("verifiedBy"), "chain");
  EXPECT_EQ(input.text("role"), "server");
  EXPECT_EQ(input.number("uid"), 1000);
  EXPECT_EQ(input.number("time"), 1780315200);
  EXPECT_EQ(input.find("issuer"), nullptr);
  EXPECT_EQ(wire::parse_json(hook_question({}, std::nullopt))->find("id"), nullptr);
}

}  // namespace
}  // namespace tlspool::authz
