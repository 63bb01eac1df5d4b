// SPDX-License-Identifier: Apache-2.0
#include "qkd/stock.h"

#include <gtest/gtest.h>

#include <set>

#include "memory_store.h"
#include "sharedkey/identity.h"

namespace {

using namespace tlspool;
using namespace tlspool::qkd;

TEST(LinkIds, AreUuidsOfVersion8ThatCount) {
  LinkIds ids(Bytes(10, 0xff), 0x1234);
  EXPECT_EQ(ids.next(), "ffffffff-ffff-8fff-bfff-000012340001");
  EXPECT_EQ(ids.next(), "ffffffff-ffff-8fff-bfff-000012340002");
}

TEST(LinkIds, NumbersGoOnWhereAnEarlierLinkStopped) {
  LinkIds earlier(Bytes(10, 1), 1000);
  LinkIds later(Bytes(10, 2), 1001);
  const auto number = [](const std::string& id) { return id.substr(24); };
  const std::string first = number(later.next());
  for (int i = 0; i < 10000; ++i) ASSERT_LT(number(earlier.next()), first);
}

TEST(Stock, PutsTheSameKeyIntoBothStores) {
  MemoryStore a;
  MemoryStore b;
  Stock stock(a, b, 256, 10);
  EXPECT_EQ(stock.make(4).value(), 4u);
  EXPECT_EQ(a.keys, b.keys);
  ASSERT_EQ(a.keys.size(), 4u);
  std::set<Bytes> different;
  for (const auto& [id, key] : a.keys) {
    EXPECT_EQ(key.size(), 32u);
    different.insert(key);
  }
  EXPECT_EQ(different.size(), 4u);
  EXPECT_EQ(stock.make(100).value(), 6u) << "no more than there is room for";
  EXPECT_EQ(stock.room(), 0u);
}

TEST(Stock, KeyThatOnlyOneStoreTookIsDeletedThere) {
  MemoryStore a;
  MemoryStore b;
  b.room = 2;
  Stock stock(a, b, 256, 10);
  EXPECT_EQ(stock.make(5).value(), 2u);
  EXPECT_EQ(a.keys, b.keys);
  b.gone = true;
  EXPECT_FALSE(stock.make(1).has_value());
  EXPECT_EQ(a.keys.size(), 2u);
  EXPECT_EQ(stock.count(), 2u);
}

TEST(Stock, TakesOverWhatBothStoresHaveAndDeletesTheRest) {
  MemoryStore a;
  MemoryStore b;
  a.keys = {{"1", Bytes(16, 1)}, {"2", Bytes(16, 2)}, {"3", Bytes(16, 3)}};
  b.keys = {{"2", Bytes(16, 2)}, {"3", Bytes(16, 9)}, {"4", Bytes(16, 4)}};
  Stock stock(a, b, 256, 10);
  ASSERT_TRUE(stock.adopt().has_value());
  EXPECT_EQ(stock.count(), 1u);
  EXPECT_EQ(a.keys, (std::map<std::string, Bytes>{{"2", Bytes(16, 2)}}));
  EXPECT_EQ(a.keys, b.keys);
}

TEST(Stock, UnwantedCopiesAreDeletedWhenTheStoreIsBack) {
  MemoryStore a;
  MemoryStore b;
  Stock stock(a, b, 256, 10);
  ASSERT_TRUE(stock.make(2).has_value());
  const std::string id = a.keys.begin()->first;
  b.gone = true;
  stock.discard(Site::second, {id});
  EXPECT_TRUE(b.keys.contains(id));
  b.gone = false;
  stock.discard_rest();
  EXPECT_FALSE(b.keys.contains(id));
}

TEST(Stock, KeyThatIsGoneIsReplacedByAnotherAndItsCopyDeleted) {
  MemoryStore a;
  MemoryStore b;
  Stock stock(a, b, 256, 10);
  ASSERT_TRUE(stock.make(3).has_value());
  const std::string id = a.keys.begin()->first;
  a.keys.erase(id);
  const auto taken = stock.take(Site::first, 2);
  ASSERT_TRUE(taken.has_value());
  EXPECT_EQ(taken->size(), 2u);
  EXPECT_FALSE(b.keys.contains(id));
  EXPECT_EQ(b.keys.size(), 2u) << "their copies stay for who they are meant for";
}

}  // namespace
