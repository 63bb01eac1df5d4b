// SPDX-License-Identifier: Apache-2.0
#include "keeper/claims.h"

#include "store_fixture.h"

namespace tlspool::keeper {
namespace {

using wire::KeyProblem;

TEST_F(Stores, KeysAreTakenInOrderEachOnceAndOnlyOfTheDirection) {
  Site site(token(), directory_);
  site.deposit(name_, 10, 6, 1);  // 10 to 15: three of each direction
  auto taken = site.take(name_, 5);
  ASSERT_EQ(taken.size(), 5U);
  std::vector<std::uint64_t> ids;
  for (const Claimed& each : taken) {
    if (each.problem == KeyProblem::none) {
      ids.push_back(number_of(each.id));
      EXPECT_EQ(each.secret.size(), 32U);
    } else {
      EXPECT_EQ(each.problem, KeyProblem::exhausted);
    }
  }
  std::sort(ids.begin(), ids.end());
  EXPECT_EQ(ids, (std::vector<std::uint64_t>{10, 12, 14}));
  auto keys = site.store->index(name_, TokenStore::Look::if_needed);
  ASSERT_TRUE(keys);
  EXPECT_EQ((*keys)->count(sharedkey::Direction::outgoing), 0U);
  EXPECT_EQ((*keys)->count(sharedkey::Direction::incoming), 3U);
}

TEST_F(Stores, AClaimedKeyIsGoneFromTheTokenAndStaysUsedOverARestart) {
  const Bytes id = number_id(4);
  {
    Site site(token(), directory_);
    site.deposit(name_, 4, 1);
    EXPECT_EQ(site.claim(name_, id).problem, KeyProblem::none);
    EXPECT_TRUE(site.store->find(name_, id)->empty());
    EXPECT_EQ(site.claim(name_, id).problem, KeyProblem::used);
    site.deposit(name_, 4, 1);  // as a backup of the token would
  }
  Site again(token(), directory_);
  EXPECT_EQ(again.claim(name_, id).problem, KeyProblem::used);
  auto keys = again.store->index(name_, TokenStore::Look::if_needed);
  ASSERT_TRUE(keys);
  EXPECT_EQ((*keys)->count(), 0U);
  EXPECT_TRUE(again.store->find(name_, id)->empty());
  EXPECT_EQ(again.store->bury_one(), TokenStore::Burial::one) << "what was used is destroyed when it is seen";
  EXPECT_FALSE(again.store->has_dead());
}

TEST_F(Stores, TheSameIdTwiceIsUsedOnceAndBothAreDestroyed) {
  {
    Site first(token(), directory_, "ledger-1");
    first.deposit(name_, 2, 1);
  }
  {
    // Another program, which does not look.
    Site second(token(), directory_, "ledger-2");
    Signer signer;
    const Bytes other(32, 9);
    ASSERT_TRUE(second.token->use(signer, [&](const Session& session, std::uint64_t) -> Called<void> {
      EXPECT_TRUE(create_key(session, name_.keys(), number_id(2), other, wire::KeyMode::plain));
      return {};
    }));
    second.token->finish(signer);
    second.deposit(name_, 4, 1);
  }
  Site site(token(), directory_);
  auto taken = site.take(name_, 2);
  ASSERT_EQ(taken.size(), 2U);
  std::sort(taken.begin(), taken.end(), [](const Claimed& a, const Claimed& b) { return a.problem < b.problem; });
  EXPECT_EQ(taken[0].problem, KeyProblem::none);
  EXPECT_EQ(number_of(taken[0].id), 4U) << "two different keys of one id are of no use";
  EXPECT_EQ(taken[1].problem, KeyProblem::exhausted);
  EXPECT_TRUE(site.store->find(name_, number_id(2))->empty());
}

TEST_F(Stores, AKeyThatAnotherPoolDestroyedIsPassedOver) {
  Child filler([&](int) { Site(token(), directory_, "ledger-0").deposit(name_, 2, 2); });
  filler.finish();
  Child other([&](int pipe) {
    Site site(token(), directory_, "ledger-2");
    tell(pipe, site.take(name_, 1));
  });
  Site site(token(), directory_);
  ASSERT_TRUE(site.store->index(name_, TokenStore::Look::if_needed));
  ASSERT_EQ(numbers(other.finish()), std::vector<std::uint64_t>{2});
  const auto taken = site.take(name_, 1);
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_EQ(taken[0].problem, KeyProblem::none) << taken[0].error.text();
  EXPECT_EQ(number_of(taken[0].id), 4U);
  EXPECT_EQ(site.token->state(), wire::TokenState::ready);
}

TEST_F(Stores, AKeyThatAnotherProgramStoredIsFound) {
  Site site(token(), directory_);
  ASSERT_TRUE(site.store->index(name_, TokenStore::Look::if_needed));
  Signer signer;
  ASSERT_TRUE(site.token->use(signer, [&](const Session& session, std::uint64_t) -> Called<void> {
    EXPECT_TRUE(create_key(session, name_.keys(), number_id(7), Bytes(32, 1), wire::KeyMode::plain));
    return {};
  }));
  site.token->finish(signer);
  auto value = site.store->read(name_, number_id(7), {});
  ASSERT_TRUE(value && value->has_value());
}

TEST_F(Stores, ADerivedKeyIsNeverReadAndIsUsedOnce) {
  Site site(token(), directory_);
  ASSERT_TRUE(site.store->deposit(name_, number_id(2), Bytes(32, 5), wire::KeyMode::derived));
  const auto plain = site.store->read(name_, number_id(2), {});
  ASSERT_FALSE(plain);
  EXPECT_NE(plain.error().text().find("mode = \"derived\""), std::string::npos) << plain.error().text();
  std::vector<Claim> claims(1);
  Claimed out;
  claims[0].store = name_;
  claims[0].direction = sharedkey::Direction::outgoing;
  claims[0].derivation = [](ByteView id) { return copy_of(id); };
  claims[0].done = [&](Claimed claimed) { out = std::move(claimed); };
  make_claims(std::move(claims), site.ledger, site.store.get());
  EXPECT_EQ(out.problem, KeyProblem::none) << out.error.text();
  EXPECT_EQ(out.secret.size(), 32U);
  EXPECT_TRUE(site.store->find(name_, number_id(2))->empty());
}

TEST_F(Stores, ADamagedLedgerGivesOutNothingAndSaysWhatToDo) {
  {
    Site site(token(), directory_);
    site.deposit(name_, 2, 4);
    EXPECT_EQ(site.take(name_, 2).size(), 2U);
  }
  std::string content = read("ledger");
  content[12] = static_cast<char>(content[12] ^ 1);
  write("ledger", content);
  Site site(token(), directory_);
  for (const Claimed& each : site.take(name_, 2)) {
    EXPECT_EQ(each.problem, KeyProblem::failed);
    EXPECT_NE(each.error.text().find("keeper/ledger"), std::string::npos) << each.error.text();
    EXPECT_NE(each.error.text().find("restore"), std::string::npos) << each.error.text();
  }
  EXPECT_EQ(read("ledger"), content) << "a damaged file is left for people to look at";
}

TEST_F(Stores, ATornRecordIsCutOff) {
  {
    Site site(token(), directory_);
    site.deposit(name_, 2, 4);
    EXPECT_EQ(site.take(name_, 1).size(), 1U);
  }
  const std::string whole = read("ledger");
  write("ledger", whole + "torn");
  Site site(token(), directory_);
  const auto taken = site.take(name_, 1);
  ASSERT_EQ(taken[0].problem, KeyProblem::none) << taken[0].error.text();
  EXPECT_EQ(number_of(taken[0].id), 4U);
  EXPECT_EQ(read("ledger").size(), whole.size() + sharedkey::Ledger::record_size);
}

TEST_F(Stores, ASecondKeeperOverTheSameLedgerIsTold) {
  Site first(token(), directory_);
  ASSERT_TRUE(first.ledger.ready());
  LedgerFile second("ledger");
  const Status done = second.ready();
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().text().find("another keeper uses this directory"), std::string::npos) << done.error().text();
  struct stat info{};
  ASSERT_EQ(stat("ledger", &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
}

TEST_F(Stores, ALedgerThatIsLeftGoesToTheNextKeeperWithAllThatWasClaimed) {
  LedgerFile first("ledger");
  const auto used = sharedkey::tombstone_of("s", number_id(1));
  const auto fresh = sharedkey::tombstone_of("s", number_id(2));
  ASSERT_TRUE(first.claim({used}));
  LedgerFile second("ledger");
  EXPECT_FALSE(second.claim({fresh})) << "two at once";
  first.leave();
  EXPECT_FALSE(first.claim({fresh})) << "it has left";
  EXPECT_TRUE(first.claimed(fresh)) << "who can't claim must not offer";
  const auto claimed = second.claim({used, fresh});
  ASSERT_TRUE(claimed) << claimed.error().text();
  EXPECT_EQ(*claimed, (std::vector<bool>{false, true}));
}

TEST_F(Stores, TombstonesOfOneBatchThatNameTheSameKeyBelongToOne) {
  LedgerFile ledger("ledger");
  const auto t = sharedkey::tombstone_of("s", number_id(1));
  const auto ours = ledger.claim({t, t, sharedkey::tombstone_of("s", number_id(2))});
  ASSERT_TRUE(ours);
  EXPECT_EQ(*ours, (std::vector<bool>{true, false, true}));
  EXPECT_EQ(ledger.size(), 2U);
  EXPECT_EQ(*ledger.claim({t}), std::vector<bool>{false});
}

TEST_F(Stores, TwoPoolsThatRaceGetEachKeyOnce) {
  constexpr std::uint64_t all = 120;
  Child filler([&](int) { Site(token(), directory_, "ledger-0").deposit(name_, 2, all); });
  filler.finish();
  const auto race = [&](const std::string& ledger) {
    return [this, ledger](int pipe) {
      Site site(token(), directory_, ledger);
      while (tell(pipe, site.take(name_, 8)) > 0) {
      }
    };
  };
  Child one(race("ledger-1"));
  Child two(race("ledger-2"));
  one.go();
  two.go();
  const std::string first = one.finish();
  const std::string second = two.finish();
  EXPECT_EQ(one.code() + two.code(), 0);
  std::vector<std::uint64_t> ids = numbers(first + second);
  std::sort(ids.begin(), ids.end());
  EXPECT_EQ(std::adjacent_find(ids.begin(), ids.end()), ids.end()) << "a key was given out twice";
  EXPECT_EQ(ids.size(), all);
}

}  // namespace
}  // namespace tlspool::keeper
