// SPDX-License-Identifier: Apache-2.0
#include "authz/cache_entry.h"

#include <set>

#include "../vectors.h"
#include "authz/cluster_key.h"

namespace tlspool::authz {
namespace {

constexpr std::int64_t now = 1'800'000'000;
constexpr std::int64_t life = 3600;

EntryBox box_of(ByteView cluster) {
  auto key = derive_key(cluster, outcome_purpose);
  EXPECT_TRUE(key);
  auto box = EntryBox::make(key->bytes());
  EXPECT_TRUE(box);
  return std::move(*box);
}

EntryKey entry_key(const wire::Value& entry, std::string_view name) {
  EntryKey out{};
  const Bytes bytes = bytes_of(entry, name);
  EXPECT_EQ(bytes.size(), out.size());
  std::copy_n(bytes.begin(), std::min(bytes.size(), out.size()), out.begin());
  return out;
}

struct OfACluster : testing::Test {
  EntryBox box = box_of(Bytes(32, 7));
  EntryKey key = box.key_of(view("a question"));
  Bytes seal(std::string_view content, std::int64_t made = now, std::int64_t expires = now + 60) const {
    auto sealed = box.seal(key, {made, expires, copy_of(view(content))});
    EXPECT_TRUE(sealed);
    return *sealed;
  }
};

TEST(ClusterKey, IsDerivedAsTheVectorsSay) {
  for (const auto& entry : cases_of("cache_entry/keys.json")) {
    const Bytes cluster = bytes_of(entry, "cluster");
    if (entry.find("outcomes") != nullptr) {
      EXPECT_EQ(hex(derive_key(cluster, outcome_purpose)->bytes()), entry.text("outcomes"));
      EXPECT_EQ(hex(derive_key(cluster, ticket_purpose)->bytes()), entry.text("tickets"));
    } else {
      EXPECT_EQ(hex(box_of(cluster).key_of(bytes_of(entry, "depends_on"))), entry.text("entry_key"));
    }
  }
}

TEST(ClusterKey, IsReadFromDigitsOrBytes) {
  Bytes raw(32);
  for (std::size_t i = 0; i < raw.size(); ++i) raw[i] = static_cast<std::uint8_t>(i * 9 + 128);
  const auto binary = read_cluster_key(raw, "key");
  ASSERT_TRUE(binary);
  EXPECT_EQ(hex(binary->bytes()), hex(raw));
  const std::string digits = hex(raw);
  for (const std::string& text : {digits, digits + "\n", digits + "\r\n"}) {
    const auto read = read_cluster_key(view(text), "key");
    ASSERT_TRUE(read) << text;
    EXPECT_EQ(hex(read->bytes()), digits);
  }
}

TEST(ClusterKey, BytesThatEndLikeALineAreTakenWhole) {
  Bytes raw(32, 0x90);
  raw[0] = 1;
  raw.back() = '\n';
  EXPECT_EQ(read_cluster_key(raw, "key")->size(), 32U);
}

TEST(ClusterKey, WhatIsNoKeyIsRefused) {
  const std::string digits = hex(Bytes{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16});
  const std::pair<Bytes, const char*> bad[] = {
      {{}, "0 bytes"},
      {copy_of(view(digits)), "16 bytes"},
      {copy_of(view(digits + digits + "0")), "not hexadecimal"},
      {copy_of(view("correct horse battery staple correct horse battery staple correct")), "not hexadecimal"},
      {Bytes(32, 0), "one byte repeated"},
      {copy_of(view(std::string(64, 'a'))), "one byte repeated"},
      {Bytes(31, 0x99), "31 bytes"},
      {Bytes(1025, 0x99), "more than 1024"},
  };
  for (const auto& [content, reason] : bad) {
    const auto read = read_cluster_key(content, "/etc/tlspool/cluster.key");
    ASSERT_FALSE(read) << reason;
    EXPECT_NE(read.error().text().find(reason), std::string::npos) << read.error().text();
    EXPECT_NE(read.error().text().find("/etc/tlspool/cluster.key"), std::string::npos);
    EXPECT_NE(read.error().advice.find("openssl rand"), std::string::npos);
  }
}

TEST(CacheEntry, OpensAsTheVectorsSay) {
  for (const auto& entry : cases_of("cache_entry/entries.json")) {
    const EntryBox box = box_of(bytes_of(entry, "cluster"));
    const Opened opened = box.open(entry_key(entry, "key"), bytes_of(entry, "sealed"), entry.number("now"), entry.number("life"));
    EXPECT_EQ(word(opened.opening), entry.text("expect")) << entry.text("why");
    if (opened.opening != Opening::good) {
      EXPECT_TRUE(opened.entry.content.empty()) << entry.text("why");
      continue;
    }
    EXPECT_EQ(opened.entry.made, entry.number("made")) << entry.text("why");
    EXPECT_EQ(opened.entry.expires, entry.number("expires")) << entry.text("why");
    EXPECT_EQ(hex(opened.entry.content), entry.text("content")) << entry.text("why");
  }
}

TEST_F(OfACluster, WhatIsSealedOpensAgain) {
  const Opened opened = box.open(key, seal("content"), now + 59, life);
  ASSERT_EQ(opened.opening, Opening::good);
  EXPECT_EQ(text_of(opened.entry.content), "content");
  EXPECT_EQ(opened.entry.made, now);
  EXPECT_EQ(opened.entry.expires, now + 60);
}

TEST_F(OfACluster, NoTwoEntriesAreSealedAlike) {
  std::set<std::string> salts;
  for (int i = 0; i < 100; ++i) salts.insert(hex(ByteView{seal("content")}.first(33)));
  EXPECT_EQ(salts.size(), 100U);
}

TEST_F(OfACluster, EveryChangedBitMakesItWorthless) {
  const Bytes good = seal("content");
  for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
    Bytes bad = good;
    bad[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    EXPECT_NE(box.open(key, bad, now, life).opening, Opening::good) << bit;
  }
}

TEST_F(OfACluster, EveryTruncationMakesItWorthless) {
  const Bytes good = seal("content");
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_NE(box.open(key, ByteView{good}.first(size), now, life).opening, Opening::good) << size;
  }
}

TEST_F(OfACluster, AnotherPurposeOpensNothing) {
  const auto tickets = EntryBox::make(derive_key(Bytes(32, 7), ticket_purpose)->bytes());
  ASSERT_TRUE(tickets);
  EXPECT_EQ(tickets->open(key, seal("content"), now, life).opening, Opening::forged);
}

TEST_F(OfACluster, TooMuchContentIsRefused) {
  EXPECT_TRUE(box.seal(key, {now, now + 1, Bytes(most_entry_content)}));
  EXPECT_FALSE(box.seal(key, {now, now + 1, Bytes(most_entry_content + 1)}));
  EXPECT_EQ(box.seal(key, {now, now + 1, Bytes(most_entry_content)})->size(), most_sealed_entry);
}

TEST_F(OfACluster, NamesAreOfMemcachedsLetters) {
  const std::string name = memcached_name("tlspool1o-", key);
  EXPECT_EQ(name.size(), 74U);
  EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-"), std::string::npos);
  EXPECT_EQ(name.find("question"), std::string::npos);
}

TEST_F(OfACluster, AnotherClusterHasOtherNames) {
  EXPECT_NE(box_of(Bytes(32, 8)).key_of(view("a question")), key);
  EXPECT_NE(box.key_of(view("a question?")), key);
}

}  // namespace
}  // namespace tlspool::authz
