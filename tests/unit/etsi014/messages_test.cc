// SPDX-License-Identifier: Apache-2.0
#include "etsi014/messages.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/text.h"

namespace tlspool::etsi014 {
namespace {

const std::string id_a = "bc490419-7d60-487f-adc1-4ddcc177c139";
const std::string id_b = "0a782fb5-3434-48fe-aa4d-14f41d46cf92";

std::string key_text(const std::string& id, std::size_t bytes, std::uint8_t fill = 7) {
  return R"({"key_ID":")" + id + R"(","key":")" + base64(Bytes(bytes, fill)) + R"("})";
}
std::string container(std::initializer_list<std::string> keys) {
  std::string out = R"({"keys":[)";
  for (const std::string& key : keys) out += (out.back() == '[' ? "" : ",") + key;
  return out + "]}";
}
bool mentions(const std::vector<std::string>& problems, const std::string& what) {
  return std::any_of(problems.begin(), problems.end(), [&](const std::string& p) { return p.find(what) != std::string::npos; });
}

Status some_status() {
  return {"AAAABBBBCCCCDDDD", "EEEEFFFFGGGGHHHH", "sae-a", "sae-b", 352, 25000, 100000, 128, 1024, 64, 0};
}

TEST(Messages, StatusSurvivesBothWays) {
  const auto status = parse_status(to_text(some_status()));
  ASSERT_TRUE(status) << status.error().text();
  EXPECT_EQ(status->source_kme, "AAAABBBBCCCCDDDD");
  EXPECT_EQ(status->target_kme, "EEEEFFFFGGGGHHHH");
  EXPECT_EQ(status->master_sae, "sae-a");
  EXPECT_EQ(status->slave_sae, "sae-b");
  EXPECT_EQ(status->key_size, 352);
  EXPECT_EQ(status->stored_key_count, 25000);
  EXPECT_EQ(status->max_key_count, 100000);
  EXPECT_EQ(status->max_key_per_request, 128);
  EXPECT_EQ(status->max_key_size, 1024);
  EXPECT_EQ(status->min_key_size, 64);
  EXPECT_EQ(status->max_sae_id_count, 0);
}

TEST(Messages, StatusNamesTheMemberThatIsWrong) {
  const std::string good = to_text(some_status());
  for (const auto& [from, to, member] :
       {std::tuple{R"("key_size":352)", R"("key_size":"352")", "key_size: no integer"},
        {R"("key_size":352)", R"("key_size":0)", "key_size: out of range"},
        {R"("key_size":352)", R"("key_size":352.5)", "key_size: no integer"},
        {R"("stored_key_count":25000)", R"("stored_key_count":-1)", "stored_key_count: out of range"},
        {R"("max_key_count":100000)", R"("max_key_count":99999999999)", "max_key_count: out of range"},
        {R"("source_KME_ID")", R"("source_kme_id")", "source_KME_ID: missing"}}) {
    std::string text = good;
    text.replace(text.find(from), std::string(from).size(), to);
    const auto status = parse_status(text);
    ASSERT_FALSE(status) << text;
    EXPECT_EQ(status.error().reason, member);
    EXPECT_EQ(status.error().code, Code::protocol);
  }
}

TEST(Messages, KeyRequestLeavesOutDefaults) {
  EXPECT_EQ(to_text(KeyRequest{}), "{}");
  EXPECT_EQ(to_text(KeyRequest{.number = 3, .size = 256}), R"({"number":3,"size":256})");
}

TEST(Messages, KeyRequestSurvivesBothWays) {
  wire::Value extension;
  extension.set("abc_route_type", "direct");
  const KeyRequest wanted{20, 512, {"sae-c", "sae-d"}, {extension}, {extension, extension}};
  const auto request = parse_key_request(to_text(wanted));
  ASSERT_TRUE(request) << request.error().text();
  EXPECT_EQ(request->number, 20u);
  EXPECT_EQ(request->size, 512u);
  EXPECT_EQ(request->additional_slaves, wanted.additional_slaves);
  EXPECT_EQ(request->mandatory.size(), 1u);
  EXPECT_EQ(request->optional.size(), 2u);
  const auto empty = parse_key_request("{}");
  ASSERT_TRUE(empty);
  EXPECT_EQ(empty->number, 1u);
  EXPECT_EQ(empty->size, 0u);
}

TEST(Messages, BadKeyRequestsAreRefused) {
  for (const char* text :
       {"", "[]", "null", "{", R"({"number":0})", R"({"number":-1})", R"({"number":"1"})", R"({"number":1.0})",
        R"({"number":4294967297})", R"({"size":0})", R"({"size":-8})", R"({"additional_slave_SAE_IDs":"sae"})",
        R"({"additional_slave_SAE_IDs":[1]})", R"({"additional_slave_SAE_IDs":[""]})",
        R"({"additional_slave_SAE_IDs":["a b"]})", R"({"additional_slave_SAE_IDs":["a","a"]})",
        R"({"extension_mandatory":{}})", R"({"extension_mandatory":["a"]})", R"({"extension_optional":1})",
        R"({"number":1,"number":2})"}) {
    EXPECT_FALSE(parse_key_request(text)) << text;
  }
}

TEST(Messages, KeyIdsSurviveBothWaysInLowerCase) {
  const auto ids = parse_key_ids(key_ids_text({"BC490419-7D60-487F-ADC1-4DDCC177C139", id_b}));
  ASSERT_TRUE(ids) << ids.error().text();
  EXPECT_EQ(*ids, (std::vector<std::string>{id_a, id_b}));
}

TEST(Messages, BadKeyIdsAreRefused) {
  for (const std::string& text :
       {std::string("{}"), std::string(R"({"key_IDs":[]})"), std::string(R"({"key_IDs":["a"]})"),
        std::string(R"({"key_IDs":[{"key_ID":"5678"}]})"), std::string(R"({"key_IDs":[{"key_ID":7}]})"),
        key_ids_text({id_a, id_a}), std::string(R"({"key_IDs":{"key_ID":1}})")}) {
    EXPECT_FALSE(parse_key_ids(text)) << text;
  }
}

TEST(Messages, KeysSurviveBothWays) {
  KeyContainer out;
  out.keys.push_back({id_a, Secret(Bytes(32, 1))});
  out.keys.push_back({id_b, Secret(Bytes(32, 2))});
  const auto keys = parse_keys(to_text(out), {2, 256, {}});
  ASSERT_TRUE(keys) << keys.error().text();
  ASSERT_EQ(keys->keys.size(), 2u);
  EXPECT_TRUE(keys->problems.empty());
  EXPECT_EQ(keys->keys[1].id, id_b);
  EXPECT_TRUE(keys->keys[1].value.equals(out.keys[1].value));
}

TEST(Messages, ExtensionsInAKeyContainerAreNoMistake) {
  const auto keys = parse_keys(R"({"key_container_extension":{"a":1},"keys":[{"key_ID_extension":{},"key_extension":[],"key_ID":")" +
                                   id_a + R"(","key":")" + base64(Bytes(32, 1)) + R"("}]})",
                               {1, 256, {}});
  ASSERT_TRUE(keys) << keys.error().text();
  EXPECT_TRUE(keys->problems.empty());
}

TEST(Messages, GoodKeysAreKeptAndBadOnesTold) {
  const auto keys = parse_keys(container({key_text(id_a, 32), key_text(id_b, 16)}), {2, 256, {}});
  ASSERT_TRUE(keys);
  ASSERT_EQ(keys->keys.size(), 1u);
  EXPECT_EQ(keys->keys[0].id, id_a);
  EXPECT_TRUE(mentions(keys->problems, id_b + ": its key has 128 bits, not the 256 asked for"));
}

TEST(Messages, AShortKeyAloneIsAnError) {
  const auto keys = parse_keys(container({key_text(id_a, 8)}), {1, 0, {}});
  ASSERT_FALSE(keys);
  EXPECT_EQ(keys.error().reason, "key_ID " + id_a + ": its key has 64 bits, fewer than 128");
}

TEST(Messages, AnIdThatStandsTwiceNamesNoKey) {
  const auto keys = parse_keys(container({key_text(id_a, 32, 1), key_text(id_b, 32), key_text(id_a, 32, 2)}), {3, 256, {}});
  ASSERT_TRUE(keys);
  ASSERT_EQ(keys->keys.size(), 1u);
  EXPECT_EQ(keys->keys[0].id, id_b);
  EXPECT_TRUE(mentions(keys->problems, id_a + ": it stands twice"));
  std::string upper = id_a;
  std::transform(upper.begin(), upper.end(), upper.begin(), ::toupper);
  EXPECT_FALSE(parse_keys(container({key_text(id_a, 32, 1), key_text(upper, 32, 2)}), {2, 256, {}}));
}

TEST(Messages, FewerAndMoreKeysThanAskedForAreTold) {
  const auto fewer = parse_keys(container({key_text(id_a, 32)}), {2, 256, {}});
  ASSERT_TRUE(fewer);
  EXPECT_TRUE(mentions(fewer->problems, "1 keys came, not the 2 asked for"));
  const auto more = parse_keys(container({key_text(id_a, 32), key_text(id_b, 32)}), {1, 256, {}});
  ASSERT_TRUE(more);
  EXPECT_EQ(more->keys.size(), 1u);
  EXPECT_TRUE(mentions(more->problems, "1 more than the 1 keys asked for"));
}

TEST(Messages, OnlyTheKeysAskedForAreTaken) {
  const auto keys = parse_keys(container({key_text(id_b, 32)}), {1, 256, {id_a}});
  ASSERT_FALSE(keys);
  const auto some = parse_keys(container({key_text(id_b, 32)}), {2, 256, {id_a, id_b}});
  ASSERT_TRUE(some);
  EXPECT_EQ(some->keys.size(), 1u);
  EXPECT_TRUE(mentions(some->problems, id_a + ": it was not delivered"));
}

TEST(Messages, BrokenKeyContainersAreErrors) {
  for (const std::string& text :
       {std::string(), std::string("<html>"), std::string("{}"), std::string(R"({"keys":{}})"), std::string(R"({"keys":[]})"),
        std::string(R"({"keys":[1]})"), std::string(R"({"keys":[{}]})"), std::string(R"({"keys":[{"key_ID":")" + id_a + R"("}]})"),
        container({R"({"key_ID":")" + id_a + R"(","key":"AAAA AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="})"}),
        container({R"({"key_ID":")" + id_a + R"(","key":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"})"}),
        container({key_text("no-uuid", 32)}), container({key_text(id_a + " ", 32)}), std::string(200, '['),
        R"({"keys":[)" + std::string(longest_body, ' ') + "]}"}) {
    const auto keys = parse_keys(text, {1, 256, {}});
    ASSERT_FALSE(keys) << text.substr(0, 100);
    EXPECT_EQ(keys.error().code, Code::protocol);
    EXPECT_FALSE(keys.error().reason.empty());
  }
}

TEST(Messages, ErrorsCarryTheirDetails) {
  const auto error = parse_error(R"({"message":"bad","details":[{"a":"b"},{"c":1}]})");
  ASSERT_TRUE(error);
  EXPECT_EQ(error->message, "bad");
  EXPECT_EQ(error->details, (std::vector<std::string>{R"("a":"b")", R"("c":1)"}));
  EXPECT_FALSE(parse_error(R"({"details":[]})"));
  EXPECT_FALSE(parse_error(R"({"message":"bad","details":"x"})"));
  EXPECT_TRUE(parse_error(to_text(ErrorMessage{"bad", {"one", "two"}})));
}

TEST(Messages, SaeIdsAreVisibleText) {
  EXPECT_TRUE(is_sae_id("sae-1.example"));
  EXPECT_TRUE(is_sae_id("spiffe://x/y?z"));
  EXPECT_FALSE(is_sae_id(""));
  EXPECT_FALSE(is_sae_id("a b"));
  EXPECT_FALSE(is_sae_id("a\r\nb"));
  EXPECT_FALSE(is_sae_id(std::string(257, 'a')));
}

std::string message(std::string_view text) { return to_text(ErrorMessage{std::string(text), {}}); }

TEST(Refusal, FixedMessagesAreUnderstood) {
  const Error unknown = refusal(Operation::dec_keys, 400, message(unknown_keys));
  EXPECT_EQ(unknown.code, Code::not_found);
  EXPECT_NE(unknown.reason.find(unknown_keys), std::string::npos);
  EXPECT_NE(unknown.advice.find("both sides need a new one"), std::string::npos);
  EXPECT_EQ(refusal(Operation::enc_keys, 400, message(bad_size)).code, Code::invalid);
  EXPECT_NE(refusal(Operation::enc_keys, 400, message(bad_size)).advice.find("whole bytes"), std::string::npos);
  EXPECT_NE(refusal(Operation::enc_keys, 400, message(unknown_mandatory)).advice.find("extension"), std::string::npos);
  EXPECT_NE(refusal(Operation::enc_keys, 400, message(unmet_mandatory)).advice.find("extension"), std::string::npos);
}

TEST(Refusal, EachStatusHasItsCode) {
  EXPECT_EQ(refusal(Operation::enc_keys, 401, "").code, Code::denied);
  EXPECT_EQ(refusal(Operation::enc_keys, 404, "<html>").code, Code::config);
  EXPECT_EQ(refusal(Operation::enc_keys, 503, message("the link is down")).code, Code::io);
  EXPECT_EQ(refusal(Operation::enc_keys, 500, "").code, Code::io);
  EXPECT_EQ(refusal(Operation::enc_keys, 302, "").code, Code::io);
  for (const int status : {302, 400, 401, 404, 500, 503}) {
    const Error error = refusal(Operation::dec_keys, status, "");
    EXPECT_NE(error.reason.find(std::to_string(status)), std::string::npos);
    EXPECT_FALSE(error.advice.empty()) << status;
  }
}

TEST(Refusal, NoKeysLeftIsToldApart) {
  EXPECT_EQ(refusal(Operation::enc_keys, 503, message(no_keys)).code, Code::busy);
  EXPECT_EQ(refusal(Operation::enc_keys, 503, message("Key pool exhausted")).code, Code::busy);
  EXPECT_EQ(refusal(Operation::enc_keys, 400, message("Insufficient keys")).code, Code::busy);
  EXPECT_EQ(refusal(Operation::dec_keys, 503, message(no_keys)).code, Code::io);
}

TEST(Refusal, WhatAnEntitySaysIsSafeOnATerminal) {
  const Error error = refusal(Operation::enc_keys, 400, R"({"message":"\u001b[31mred\n"})");
  EXPECT_EQ(error.reason.find('\x1b'), std::string::npos);
  EXPECT_EQ(error.reason.find('\n'), std::string::npos);
}

}  // namespace
}  // namespace tlspool::etsi014
