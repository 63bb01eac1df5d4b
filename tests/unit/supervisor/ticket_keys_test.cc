// SPDX-License-Identifier: Apache-2.0
#include "supervisor/ticket_keys.h"

#include <gtest/gtest.h>

#include <map>

#include "../turn_until.h"
#include "base/text.h"

namespace tlspool::supervisor {
namespace {

using namespace std::chrono_literals;

const Bytes cluster_key(32, 5);

/// What memcached is to pools of a cluster; or is not, while it is away.
struct Memory {
  std::map<std::string, Bytes> blobs;
  bool away = false;
  wire::SharedBlob add(wire::SharedBlob blob) {
    if (away) return {blob.name, {}, blob.seconds};
    blob.sealed = blobs.try_emplace(blob.name, blob.sealed).first->second;
    return blob;
  }
};

class TicketKeysTest : public testing::Test {
 protected:
  struct One {
    One(Loop& loop, Memory& memory)
        : keys(loop, {[this] { ++changes; }, [this, &memory](wire::SharedBlob blob, std::uint64_t number) {
                        ++asked;
                        if (!holds_back) return keys.answered(memory.add(std::move(blob)), number);
                        held = {std::move(blob), number};
                      }}) {}
    void begin(const Bytes& policy = {1}, ByteView cluster = cluster_key, TicketKeys::Times times = {}) { ASSERT_TRUE(keys.begin(policy, cluster, times)); }
    int changes = 0;
    int asked = 0;
    bool holds_back = false;
    std::pair<wire::SharedBlob, std::uint64_t> held;
    TicketKeys keys;
  };
  template <class Condition>
  void until(Condition happened) {
    ASSERT_TRUE(test::turn_until(loop, happened));
  }
  static std::string hex_of(ByteView key) { return hex(key); }

  Loop loop;
  Memory memory;
  One a{loop, memory};
  One b{loop, memory};
};

TEST_F(TicketKeysTest, WithoutAClusterNobodyIsAsked) {
  a.begin({1}, {});
  EXPECT_EQ(a.keys.current().size(), TicketKeys::key_size);
  EXPECT_EQ(a.asked, 0);
  EXPECT_FALSE(a.keys.shared());
  a.keys.ask();
  EXPECT_EQ(a.asked, 0);
}

TEST_F(TicketKeysTest, WhoComesFirstDecides) {
  a.begin();
  b.begin();
  EXPECT_TRUE(a.keys.shared() && b.keys.shared());
  EXPECT_EQ(hex_of(a.keys.current()), hex_of(b.keys.current()));
  EXPECT_EQ(a.changes, 0);
  EXPECT_EQ(b.changes, 1);
  ASSERT_EQ(b.keys.old().size(), 1U);  // by which it may have made tickets meanwhile
}

TEST_F(TicketKeysTest, WhatLiesInMemcachedDoesNotHaveTheKey) {
  a.begin();
  const std::string sealed = hex(memory.blobs.begin()->second);
  EXPECT_EQ(sealed.find(hex_of(a.keys.current()).substr(0, 16)), std::string::npos);
}

TEST_F(TicketKeysTest, AnotherPolicyOrClusterHasAnotherKey) {
  a.begin();
  b.begin({2});
  EXPECT_NE(hex_of(a.keys.current()), hex_of(b.keys.current()));
  b.begin({1}, Bytes(32, 6));
  EXPECT_NE(hex_of(a.keys.current()), hex_of(b.keys.current()));
  EXPECT_EQ(memory.blobs.size(), 3U);
}

TEST_F(TicketKeysTest, AnotherPolicyLeavesNoOldKeys) {
  a.begin();
  b.begin();
  ASSERT_FALSE(b.keys.old().empty());
  b.begin({2});
  EXPECT_TRUE(b.keys.old().empty());
}

TEST_F(TicketKeysTest, WhileMemcachedIsAwayEachHasItsOwnAndTriesAgain) {
  memory.away = true;
  TicketKeys::Times times;
  times.retry = 10ms;
  a.begin({1}, cluster_key, times);
  b.begin({1}, cluster_key, times);
  EXPECT_NE(hex_of(a.keys.current()), hex_of(b.keys.current()));
  until([&] { return a.asked > 2 && b.asked > 2; });
  EXPECT_FALSE(a.keys.shared());
  memory.away = false;
  until([&] { return a.keys.shared() && b.keys.shared(); });
  EXPECT_EQ(hex_of(a.keys.current()), hex_of(b.keys.current()));
}

TEST_F(TicketKeysTest, WhatMemcachedLosesIsPutThereAgain) {
  TicketKeys::Times times;
  times.refresh = 10ms;
  a.begin({1}, cluster_key, times);
  b.begin({1}, cluster_key, times);
  const std::string key = hex_of(a.keys.current());
  memory.blobs.clear();
  until([&] { return !memory.blobs.empty(); });
  EXPECT_EQ(hex_of(a.keys.current()), key);
  EXPECT_EQ(hex_of(b.keys.current()), key);
}

TEST_F(TicketKeysTest, TheyAreReplacedTogetherAndTheOldOneIsStillRead) {
  TicketKeys::Times times;
  times.life = 300ms;
  a.begin({1}, cluster_key, times);
  b.begin({1}, cluster_key, times);
  const std::string first = hex_of(a.keys.current());
  until([&] { return memory.blobs.size() >= 2 && a.keys.shared() && b.keys.shared() && hex_of(a.keys.current()) == hex_of(b.keys.current()) &&
                          hex_of(a.keys.current()) != first; });
  EXPECT_FALSE(a.keys.old().empty());
  until([&] { return memory.blobs.size() >= 8; });
  EXPECT_LE(a.keys.old().size(), TicketKeys::most_old);
}

TEST_F(TicketKeysTest, OldKeysGoWhenTheirTicketsAreOver) {
  TicketKeys::Times times;
  times.ticket = 50ms;
  a.begin({1}, cluster_key, times);
  b.begin({1}, cluster_key, times);
  ASSERT_EQ(b.keys.old().size(), 1U);
  until([&] { return b.keys.old().empty(); });
  EXPECT_EQ(b.changes, 2);
}

TEST_F(TicketKeysTest, AKeyOfAnAttackerIsNotTaken) {
  a.begin();
  auto& [name, sealed] = *memory.blobs.begin();
  for (const Bytes& bad : {Bytes{1}, Bytes(145, 1), Bytes(70'000, 1)}) {
    sealed = bad;
    b.begin();
    EXPECT_FALSE(b.keys.shared());
    EXPECT_NE(hex_of(a.keys.current()), hex_of(b.keys.current()));
    EXPECT_EQ(b.changes, 0);
  }
}

TEST_F(TicketKeysTest, AKeyUnderAnotherNameIsNotTaken) {
  a.begin({2});
  const Bytes other = memory.blobs.begin()->second;
  memory.blobs.clear();
  a.begin({1});
  memory.blobs.begin()->second = other;
  b.begin({1});
  EXPECT_FALSE(b.keys.shared());
}

TEST_F(TicketKeysTest, AnAnswerToAnEarlierQuestionDoesNotCount) {
  a.begin();
  b.holds_back = true;
  b.begin();
  const auto early = b.held;
  b.begin({2});
  b.keys.answered(memory.add(early.first), early.second);
  EXPECT_FALSE(b.keys.shared());
}

TEST_F(TicketKeysTest, AnotherPoolOfThePolicyReadsTicketsOfBefore) {
  a.begin({1, 2}, {});
  b.begin({1, 2}, {});
  const auto handed = a.keys.hand_over();
  ASSERT_TRUE(handed);
  EXPECT_EQ(handed->note, "0102 7200000");
  ASSERT_TRUE(b.keys.inherit(handed->note, handed->memory));
  EXPECT_EQ(b.changes, 1);
  ASSERT_EQ(b.keys.old().size(), 1U);
  EXPECT_EQ(hex_of(b.keys.old().front()), hex_of(a.keys.current()));
  EXPECT_NE(hex_of(b.keys.current()), hex_of(a.keys.current())) << "what the old one's workers know opens nothing new";
  const auto again = b.keys.hand_over();
  ASSERT_TRUE(again);
  EXPECT_EQ(again->note.find("0102 7200000 "), 0U);
  One c{loop, memory};
  c.begin({1, 2}, {});
  ASSERT_TRUE(c.keys.inherit(again->note, again->memory));
  EXPECT_EQ(c.keys.old().size(), 2U);
}

TEST_F(TicketKeysTest, AnotherPolicyInheritsNoKey) {
  a.begin({1}, {});
  b.begin({2}, {});
  const auto handed = a.keys.hand_over();
  ASSERT_TRUE(handed);
  EXPECT_FALSE(b.keys.inherit(handed->note, handed->memory));
  EXPECT_TRUE(b.keys.old().empty());
}

TEST_F(TicketKeysTest, InheritedKeysGoWhenTheirTicketsHave) {
  a.begin({1}, {});
  b.begin({1}, {});
  const auto handed = a.keys.hand_over();
  ASSERT_TRUE(handed);
  ASSERT_TRUE(b.keys.inherit("01 40", handed->memory));
  EXPECT_EQ(b.keys.old().size(), 1U);
  ASSERT_TRUE(test::turn_until(loop, [&] { return b.keys.old().empty(); }));
  EXPECT_EQ(b.changes, 2);
}

TEST_F(TicketKeysTest, WhatIsNotThereIsNotInherited) {
  a.begin({1}, {});
  b.begin({1}, {});
  const auto handed = a.keys.hand_over();
  ASSERT_TRUE(handed);
  EXPECT_FALSE(b.keys.inherit("01 1000 1000", handed->memory));
  EXPECT_FALSE(b.keys.inherit("", handed->memory));
}

}  // namespace
}  // namespace tlspool::supervisor
