// SPDX-License-Identifier: Apache-2.0
// Keys as data objects of a token with the limits of a YubiHSM2 (tests/support/yubihsm_shim.cc).
#include "keeper/claims.h"
#include "store_fixture.h"

namespace tlspool::keeper {
namespace {

Bytes brief(unsigned number) { return {static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number)}; }

class YubiHsm : public Stores {
 protected:
  void SetUp() override {
    Stores::SetUp();
    // The token anew, with a PIN of the form that the module wants.
    std::filesystem::remove_all("tokens");
    std::filesystem::remove("pin");
    write("pin", "0001password");
    Modules modules;
    auto made = make_token(modules, {softhsm_module, "tlspool", "pin"});
    ASSERT_TRUE(made) << made.error().text();
    setenv("TLSPOOL_YUBIHSM_OBJECTS", "5", 1);
  }
  void TearDown() override {
    unsetenv("TLSPOOL_YUBIHSM_OBJECTS");
    Stores::TearDown();
  }
  [[nodiscard]] wire::TokenSetup limited() const {
    wire::TokenSetup out = token();
    out.module = TLSPOOL_YUBIHSM_SHIM;
    return out;
  }
  static void store(Site& site, const StoreName& name, std::initializer_list<unsigned> ids) {
    for (const unsigned id : ids) {
      auto done = site.store->deposit(name, brief(id), Bytes(32, static_cast<std::uint8_t>(id)), wire::KeyMode::plain);
      ASSERT_TRUE(done) << done.error().text();
    }
  }
  static std::string refusal(Site& site, const StoreName& name, const Bytes& id) {
    auto done = site.store->deposit(name, id, Bytes(32, 1), wire::KeyMode::plain);
    return done ? "stored" : done.error().text();
  }

  StoreName data_{"hsm.b.example", wire::KeyObject::data, "hsm.a.example"};
};

TEST_F(YubiHsm, AKeyIsStoredReadCheckedAndUsedOnce) {
  {
    Site site(limited(), directory_);
    store(site, data_, {2, 65534});
    auto sums = site.store->check(data_, {brief(2), brief(4)}, Bytes(16, 7));
    ASSERT_TRUE(sums) << sums.error().text();
    EXPECT_EQ((*sums)[0].size(), 8U);
    EXPECT_TRUE((*sums)[1].empty());
    const Claimed used = site.claim(data_, brief(65534));
    ASSERT_EQ(used.problem, wire::KeyProblem::none) << used.error.text();
    EXPECT_TRUE(used.secret.equals(Secret{ByteView{Bytes(32, 0xfe)}}));
    EXPECT_EQ(site.claim(data_, brief(65534)).problem, wire::KeyProblem::used);
    EXPECT_TRUE(site.store->find(data_, brief(65534))->empty());
  }
  Site again(limited(), directory_, "ledger-2");
  auto keys = again.store->index(data_, TokenStore::Look::if_needed);
  ASSERT_TRUE(keys) << keys.error().text();
  EXPECT_EQ((*keys)->count(), 1U);
}

TEST_F(YubiHsm, TheOneTooManyIsRefusedAndLeavesTheRestAndThereIsRoomAgain) {
  Site site(limited(), directory_);
  store(site, data_, {2, 4, 6, 8, 10});
  const std::string full = refusal(site, data_, brief(12));
  EXPECT_NE(full.find("it is full"), std::string::npos) << full;
  EXPECT_EQ(site.token->state(), wire::TokenState::ready);
  EXPECT_EQ(site.claim(data_, brief(4)).problem, wire::KeyProblem::none);
  store(site, data_, {12});
  auto keys = site.store->index(data_, TokenStore::Look::again);
  ASSERT_TRUE(keys);
  EXPECT_EQ((*keys)->count(), 5U);
}

TEST_F(YubiHsm, AnIdBelongsToOneObjectOfAllStores) {
  Site site(limited(), directory_);
  store(site, data_, {2});
  const StoreName other{"hsm.c.example", wire::KeyObject::data, "hsm.a.example"};
  const std::string taken = refusal(site, other, brief(2));
  EXPECT_NE(taken.find("with this id already"), std::string::npos) << taken;
  EXPECT_EQ(site.claim(data_, brief(2)).problem, wire::KeyProblem::none);
  store(site, other, {2});
}

TEST_F(YubiHsm, IdZeroIsNeitherStoredNorTakenForAnyKey) {
  Site site(limited(), directory_);
  store(site, data_, {2, 4});
  const std::string zero = refusal(site, data_, brief(0));
  EXPECT_NE(zero.find("chooses another"), std::string::npos) << zero;
  EXPECT_TRUE(site.store->find(data_, brief(0))->empty());
  EXPECT_NE(site.claim(data_, brief(0)).problem, wire::KeyProblem::none);
  auto keys = site.store->index(data_, TokenStore::Look::again);
  ASSERT_TRUE(keys);
  EXPECT_EQ((*keys)->count(), 2U) << "what the token stored under another id is gone, and nothing else";
}

TEST_F(YubiHsm, AKeyThatAnotherPoolDestroyedIsPassedOver) {
  Child filler([&](int) {
    Site site(limited(), directory_, "ledger-0");
    store(site, data_, {2, 4});
  });
  filler.finish();
  Child other([&](int pipe) {
    Site site(limited(), directory_, "ledger-2");
    tell(pipe, site.take(data_, 1));
  });
  Site site(limited(), directory_);
  ASSERT_TRUE(site.store->index(data_, TokenStore::Look::if_needed));
  ASSERT_EQ(numbers(other.finish()), std::vector<std::uint64_t>{2});
  const auto taken = site.take(data_, 1);
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_EQ(taken[0].problem, wire::KeyProblem::none) << taken[0].error.text();
  EXPECT_EQ(number_of(taken[0].id), 4U);
  EXPECT_EQ(site.token->state(), wire::TokenState::ready);
}

TEST_F(YubiHsm, LongLabelsLongIdsAndSecretKeysAreRefused) {
  Site site(limited(), directory_);
  EXPECT_NE(refusal(site, data_, number_id(2)).find("id of 8"), std::string::npos);
  EXPECT_NE(refusal(site, name_, brief(2)).find("CKR_ATTRIBUTE_VALUE_INVALID"), std::string::npos);
  EXPECT_NE(refusal(site, {std::string(41, 'x'), wire::KeyObject::data, "hsm.a.example"}, brief(2)), "stored");
  EXPECT_EQ(site.token->state(), wire::TokenState::ready);
  store(site, data_, {2});
}

TEST_F(YubiHsm, APinOfAnotherFormIsRefusedWithTheFormThatItMustHave) {
  write("pin", "password");
  Site site(limited(), directory_);
  EXPECT_NE(refusal(site, data_, brief(2)).find("0001password"), std::string::npos) << refusal(site, data_, brief(2));
}

}  // namespace
}  // namespace tlspool::keeper
