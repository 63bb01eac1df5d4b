// SPDX-License-Identifier: Apache-2.0
// Tokens that belong to one pool alone: what is claimed, what is destroyed and when, and who is kept away.
#include "keeper/owner.h"

#include "shared_fixture.h"

namespace tlspool::keeper {
namespace {

using wire::KeyProblem;

class Owners : public Stores {
 protected:
  static void bury(Site& site) {
    while (site.store->has_dead() && site.store->bury_one() == TokenStore::Burial::one) {
    }
  }
  static std::size_t objects(Site& site, const KeyLabel& label) {
    Signer signer;
    std::size_t out = 0;
    EXPECT_TRUE(site.token->use(signer, [&](const Session& session, std::uint64_t) -> Called<void> {
      out = find_keys(session, label, std::nullopt)->size();
      return {};
    }));
    site.token->finish(signer);
    return out;
  }
  static std::size_t marks(Site& site) { return objects(site, {"tlspool owner", wire::KeyObject::data}); }
  void make_mine(std::uint64_t keys) {
    Site site(alone(), directory_);
    site.deposit(name_, 2, keys);
  }
};

TEST_F(Owners, TheFirstUseMarksTheToken) {
  {
    Site site(alone(), directory_);
    EXPECT_EQ(site.take(name_, 1).at(0).problem, KeyProblem::exhausted);
    EXPECT_EQ(marks(site), 1U);
  }
  struct stat info{};
  ASSERT_EQ(stat("owner", &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  EXPECT_EQ(info.st_size, 16);
  Site again(alone(), directory_);
  again.deposit(name_, 2, 1);
  EXPECT_EQ(again.take(name_, 1).at(0).problem, KeyProblem::none);
  EXPECT_EQ(marks(again), 1U);
}

TEST_F(Owners, AClaimedKeyIsReadAtOnceAndDestroyedAfterwards) {
  Site site(alone(), directory_);
  site.deposit(name_, 2, 3);
  const auto taken = site.take(name_, 2);
  ASSERT_EQ(taken.size(), 2U);
  for (const Claimed& each : taken) {
    EXPECT_EQ(each.problem, KeyProblem::none) << each.error.text();
    EXPECT_EQ(each.secret.size(), 32U);
  }
  EXPECT_EQ(objects(site, name_.keys()), 3U);
  EXPECT_EQ(site.claim(name_, number_id(2)).problem, KeyProblem::used);
  EXPECT_TRUE(site.store->find(name_, number_id(2))->empty()) << "a dead key is none";
  EXPECT_EQ(site.store->bury_one(), TokenStore::Burial::one);
  EXPECT_EQ(objects(site, name_.keys()), 2U) << "one at a time";
  bury(site);
  EXPECT_EQ(objects(site, name_.keys()), 1U);
  EXPECT_EQ(number_of(site.take(name_, 1).at(0).id), 6U);
}

TEST_F(Owners, WhatACrashLeftIsNeverGivenOutAndIsDestroyedLater) {
  {
    Site site(alone(), directory_);
    site.deposit(name_, 2, 4);
    EXPECT_EQ(site.take(name_, 3).size(), 3U);
  }
  Site site(alone(), directory_);
  EXPECT_EQ(number_of(site.take(name_, 1).at(0).id), 8U);
  EXPECT_EQ(objects(site, name_.keys()), 4U) << "the claim comes first";
  EXPECT_EQ(site.take(name_, 1).at(0).problem, KeyProblem::exhausted);
  bury(site);
  EXPECT_EQ(objects(site, name_.keys()), 0U);
}

TEST_F(Owners, AKeyThatIsNotDestroyedStaysDead) {
  Site site(alone(), directory_);
  site.deposit(name_, 2, 1);
  EXPECT_EQ(site.take(name_, 1).at(0).problem, KeyProblem::none);
  CK_FUNCTION_LIST* calls = (*site.modules.get(softhsm_module))->calls();
  const auto real = calls->C_DestroyObject;
  calls->C_DestroyObject = [](CK_SESSION_HANDLE, CK_OBJECT_HANDLE) -> CK_RV { return CKR_FUNCTION_FAILED; };
  EXPECT_EQ(site.store->bury_one(), TokenStore::Burial::one);
  calls->C_DestroyObject = real;
  EXPECT_TRUE(site.store->has_dead());
  EXPECT_EQ(site.store->bury_one(), TokenStore::Burial::later);
  EXPECT_EQ(site.take(name_, 1).at(0).problem, KeyProblem::exhausted);
  EXPECT_EQ(site.token->state(), wire::TokenState::ready);
}

TEST_F(Owners, AnotherPoolIsRefusedWhateverItsSetting) {
  make_mine(2);
  for (const bool shared : {false, true}) {
    wire::TokenSetup setup = token();
    setup.shared = shared;
    Site other(setup, directory_, shared ? "ledger-2" : "ledger-3", "owner-2");
    const Claimed refused = std::move(other.take(name_, 1).at(0));
    EXPECT_EQ(refused.problem, KeyProblem::failed);
    const std::string text = refused.error.text();
    EXPECT_NE(text.find("token=default"), std::string::npos) << text;
    EXPECT_NE(text.find("another pool owns the token"), std::string::npos) << text;
    EXPECT_NE(text.find("set shared = true"), std::string::npos) << text;
    EXPECT_EQ(other.claim(name_, number_id(4)).problem, KeyProblem::failed);
    EXPECT_FALSE(other.store->deposit(name_, number_id(20), Bytes(32, 1), wire::KeyMode::plain));
    EXPECT_EQ(marks(other), 1U);
    EXPECT_EQ(objects(other, name_.keys()), 2U);
    EXPECT_TRUE(other.store->add_lasting(shared ? "one" : "two", Bytes(32, 1), wire::KeyMode::plain)) << "a lasting key is not concerned";
  }
}

TEST_F(Owners, TwoMarksAreOneTooMany) {
  make_mine(2);
  std::filesystem::rename("owner", "owner-1");
  {
    Site other(token(), directory_, "ledger-2", "owner-2");
    Signer signer;
    ASSERT_TRUE(other.token->use(signer, [&](const Session& session, std::uint64_t) { return make_owner_mark(session, Bytes(16, 1)); }));
    other.token->finish(signer);
  }
  Site site(alone(), directory_, "ledger", "owner-1");
  EXPECT_EQ(site.take(name_, 1).at(0).problem, KeyProblem::failed);
  EXPECT_EQ(marks(site), 2U) << "what was good once is not withdrawn";
}

TEST_F(Owners, ADamagedMarkOfThePoolIsNamed) {
  make_mine(1);
  write("owner", "short");
  Site site(alone(), directory_);
  const Claimed refused = std::move(site.take(name_, 1).at(0));
  EXPECT_EQ(refused.problem, KeyProblem::failed);
  EXPECT_NE(refused.error.text().find("keeper/owner"), std::string::npos) << refused.error.text();
}

TEST_F(Owners, ATokenThatIsToBeSharedIsLeftWhenItsDeadAreGone) {
  {
    Site site(alone(), directory_);
    site.deposit(name_, 2, 4);
    EXPECT_EQ(site.take(name_, 2).size(), 2U);
    wire::TokenSetup shared = token();
    ASSERT_TRUE(site.token->configure(shared, {}));
    EXPECT_EQ(number_of(site.take(name_, 1).at(0).id), 6U);
    EXPECT_EQ(objects(site, name_.keys()), 3U) << "6 was destroyed before the answer";
    EXPECT_EQ(marks(site), 1U) << "2 and 4 are still there";
  }
  Site site(token(), directory_);
  ASSERT_TRUE(site.store->index(name_, TokenStore::Look::if_needed));
  bury(site);
  EXPECT_EQ(objects(site, name_.keys()), 1U);
  EXPECT_EQ(marks(site), 0U);
}

TEST_F(Owners, OfTwoPoolsThatMarkATokenAtOnceAtMostOneHasIt) {
  for (int round = 0; round < 4; ++round) {
    Child filler([&](int) {
      Site site(token(), directory_, "ledger-0", "owner-0");
      Signer signer;
      (void)site.token->use(signer, [&](const Session& session, std::uint64_t) -> Called<void> {
        const auto there = find_owner_marks(session);
        for (const OwnerMark& mark : *there) (void)destroy_key(session, mark.object);
        return {};
      });
      site.token->finish(signer);
      site.deposit(name_, 1000 * static_cast<std::uint64_t>(round) + 2, 4);
    });
    filler.finish();
    const auto race = [&](const std::string& number) {
      return [this, number](int pipe) {
        Site site(alone(), directory_, "ledger-" + number, "owner-" + number);
        tell(pipe, site.take(name_, 2));
      };
    };
    Child one(race("1"));
    Child two(race("2"));
    one.go();
    two.go();
    const auto first = numbers(one.finish());
    const auto second = numbers(two.finish());
    EXPECT_EQ(one.code() + two.code(), 0);
    EXPECT_TRUE(first.empty() || second.empty());
    EXPECT_FALSE(first.empty() && second.empty());
  }
}

class OwnersKeeper : public SharedKeysTest {
 protected:
  [[nodiscard]] std::size_t files() const {
    std::size_t out = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory_)) out += entry.path().extension() == ".object" ? 1 : 0;
    return out;
  }
};

TEST_F(OwnersKeeper, DestroysWhatItGaveOutWhenNobodyWaits) {
  const std::size_t before = files();
  start({peer()}, {alone()});
  deposit(10, 6);
  End& w = worker();
  EXPECT_EQ(take(w).key_id, "10");
  const wire::KeyAnswer held = lease(w, number_id(11));
  ASSERT_EQ(held.problem, KeyProblem::none) << held.message;
  EXPECT_TRUE(settle(w, held.lease, true).good);
  EXPECT_EQ(lease(w, number_id(11)).problem, KeyProblem::used);
  run_until([&] { return files() == before + 1 + 4; });
  EXPECT_EQ(count().used, 2U);
  EXPECT_EQ(count("b.example").as_client, 2U);
}

TEST_F(OwnersKeeper, AChangedSettingTakesTheMarkAway) {
  const std::size_t before = files();
  start({peer()}, {alone()});
  deposit(10, 4);
  End& w = worker();
  EXPECT_EQ(take(w).key_id, "10");
  start({peer()}, {token()});
  EXPECT_EQ(take(w).key_id, "12");
  run_until([&] { return files() == before + 2; });
}

TEST_F(OwnersKeeper, RefusesNamesThatNoTokenAddressCanHave) {
  start({lasting()});
  for (const char* name : {"a:b", "a/b", "a b", "a\"b", "a\\b"}) {
    EXPECT_NE(refused(wire::KeyAdminKind::psk_add, wire::encode(wire::PskAdd{name, {}, Bytes(32, 7), false})).find("a name has"), std::string::npos);
  }
}

}  // namespace
}  // namespace tlspool::keeper
