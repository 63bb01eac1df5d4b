// SPDX-License-Identifier: Apache-2.0
// tests/vectors/kex: what docs/p2p-tls.md says, computed by somebody else.
#include <fstream>
#include <map>

#include "../vectors.h"
#include "kex/armour.h"
#include "kex/password.h"
#include "kex/words.h"

namespace tlspool::kex {
namespace {

std::string text(const Secret& secret) { return std::string(text_of(secret.bytes())); }

TEST(KexVectors, Messages) {
  for (const wire::Value& entry : cases_of("kex/messages.json")) {
    SCOPED_TRACE(entry.text("why"));
    const Bytes sealed = bytes_of(entry, "sealed");
    const auto message = open(sealed);
    if (entry.find("refused") != nullptr) {
      ASSERT_FALSE(message);
      EXPECT_NE(message.error().reason.find(entry.text("refused")), std::string::npos) << message.error().reason;
      continue;
    }
    ASSERT_TRUE(message) << message.error().text();
    EXPECT_EQ(static_cast<std::int64_t>(message->step), entry.number("step", 0));
    EXPECT_EQ(hex(message->id), entry.text("id"));
    EXPECT_EQ(hex(message->records), entry.text("records"));
    EXPECT_EQ(seal(*message), sealed);
  }
}

TEST(KexVectors, Texts) {
  for (const wire::Value& entry : cases_of("kex/texts.json")) {
    SCOPED_TRACE(entry.text("why"));
    const auto found = find_messages(entry.text("text"));
    if (entry.find("refused") != nullptr) {
      ASSERT_FALSE(found);
      EXPECT_NE(found.error().reason.find(entry.text("refused")), std::string::npos) << found.error().reason;
      continue;
    }
    ASSERT_TRUE(found) << found.error().text();
    EXPECT_EQ(static_cast<std::int64_t>(found->front().step), entry.number("step", 0));
    EXPECT_EQ(hex(found->front().message), entry.text("message"));
    if (entry.flag("armour")) {
      EXPECT_EQ(armour(found->front().step, found->front().message), entry.text("text"));
    }
  }
}

TEST(KexVectors, Keys) {
  const std::map<std::string, Format> formats{{"password", Format::password}, {"words", Format::words}, {"base64", Format::base64}, {"hex", Format::hex}};
  for (const wire::Value& entry : cases_of("kex/keys.json")) {
    const Secret material{bytes_of(entry, "material")};
    const wire::Value* results = entry.find("results");
    ASSERT_TRUE(results != nullptr && results->elements() != nullptr);
    for (const wire::Value& result : *results->elements()) {
      const auto got = written(material, formats.at(result.text("format")), static_cast<std::size_t>(result.number("size", 0)));
      ASSERT_TRUE(got) << got.error().text();
      EXPECT_EQ(text(*got), result.text("result")) << result.text("format") << result.number("size", 0);
    }
  }
}

TEST(KexVectors, WordsToCompareByVoice) {
  for (const wire::Value& entry : cases_of("kex/authentication.json")) {
    const auto words = authentication_words(bytes_of(entry, "material"));
    ASSERT_TRUE(words) << words.error().text();
    EXPECT_EQ(text(*words), entry.text("words"));
  }
}

TEST(KexVectors, TheListIsThePublishedOne) {
  std::ifstream file(TLSPOOL_VECTORS "/kex/words.txt");
  std::string line;
  for (const std::string_view word : word_list) {
    ASSERT_TRUE(std::getline(file, line));
    EXPECT_EQ(line, word);
  }
  EXPECT_FALSE(std::getline(file, line));
}

}  // namespace
}  // namespace tlspool::kex
