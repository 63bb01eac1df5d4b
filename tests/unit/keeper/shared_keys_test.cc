// SPDX-License-Identifier: Apache-2.0
#include "keeper/shared_keys.h"

#include "shared_fixture.h"

namespace tlspool::keeper {
namespace {

using wire::KeyProblem;

TEST_F(SharedKeysTest, AClientGetsTheNextKeyAndItsIdentity) {
  start({peer()});
  EXPECT_EQ(deposit(10, 6).stored.size(), 6U);
  End& w = worker();
  const wire::KeyAnswer first = take(w);
  ASSERT_EQ(first.problem, KeyProblem::none) << first.message;
  EXPECT_EQ(first.key_id, "10");
  EXPECT_EQ(first.secret, Bytes(32, 10));
  EXPECT_EQ(text_of(first.identity), "pkcs:object=hsm.a.example;id=10");
  EXPECT_EQ(first.left, 2U);
  EXPECT_EQ(first.lease, 0U);
  EXPECT_EQ(take(w).key_id, "12");
  EXPECT_EQ(take(w).key_id, "14");
  const wire::KeyAnswer none = take(w);
  EXPECT_EQ(none.problem, KeyProblem::exhausted);
  EXPECT_NE(none.message.find("peer=b.example store=hsm.b.example"), std::string::npos) << none.message;
  EXPECT_NE(none.message.find("tlspool qkd fetch b.example"), std::string::npos) << none.message;
}

TEST_F(SharedKeysTest, AServersKeyIsHeldForOneHandshakeAndConsumedWhenItIsVerified) {
  start({peer()});
  deposit(11, 2, 2);
  End& w = worker();
  End& other = worker();
  const wire::KeyAnswer held = lease(w, number_id(11));
  ASSERT_EQ(held.problem, KeyProblem::none) << held.message;
  EXPECT_EQ(held.secret, Bytes(32, 11));
  EXPECT_EQ(held.left, 1U);
  EXPECT_EQ(lease(other, number_id(11)).problem, KeyProblem::used);
  EXPECT_FALSE(settle(other, held.lease, true).good) << "another worker's lease";
  EXPECT_EQ(count().leased, 1U);
  EXPECT_TRUE(settle(w, held.lease, false).good);
  const wire::KeyAnswer again = lease(other, number_id(11));
  ASSERT_EQ(again.problem, KeyProblem::none) << again.message;
  EXPECT_TRUE(settle(other, again.lease, true).good);
  const wire::KeyAnswer used = lease(w, number_id(11));
  EXPECT_EQ(used.problem, KeyProblem::used);
  EXPECT_NE(used.message.find("key=11"), std::string::npos) << used.message;
  const wire::KeyCount row = count();
  EXPECT_EQ(row.as_server, 1U);
  EXPECT_EQ(row.used, 1U);
  EXPECT_EQ(row.leased, 0U);
}

TEST_F(SharedKeysTest, AKeyOfTheOtherDirectionOrNoneAtAllIsUnknown) {
  start({peer()});
  deposit(10, 1);
  End& w = worker();
  EXPECT_EQ(lease(w, number_id(10)).problem, KeyProblem::unknown) << "ours as a client";
  EXPECT_EQ(lease(w, number_id(99)).problem, KeyProblem::unknown);
  EXPECT_EQ(lease(w, {}).problem, KeyProblem::unknown);
  EXPECT_EQ(lease(w, Bytes(600, 1)).problem, KeyProblem::unknown);
  EXPECT_EQ(take(w, "nobody.example").problem, KeyProblem::failed);
}

TEST_F(SharedKeysTest, TheEndOfAWorkerEndsItsLeases) {
  start({peer()});
  deposit(11, 1);
  End& w = worker();
  ASSERT_EQ(lease(w, number_id(11)).problem, KeyProblem::none);
  w.channel.reset();
  settle_loop();
  EXPECT_EQ(count().leased, 0U);
  EXPECT_EQ(lease(worker(), number_id(11)).problem, KeyProblem::none);
}

TEST_F(SharedKeysTest, TenFailuresBurnAKey) {
  start({peer()});
  deposit(11, 1);
  End& w = worker();
  for (int n = 0; n < 10; ++n) {
    const wire::KeyAnswer held = lease(w, number_id(11));
    ASSERT_EQ(held.problem, KeyProblem::none) << held.message;
    EXPECT_TRUE(settle(w, held.lease, false).good);
  }
  EXPECT_EQ(lease(w, number_id(11)).problem, KeyProblem::used);
  EXPECT_EQ(count().as_server, 0U);
}

TEST_F(SharedKeysTest, ThirtyOneFailuresAMinuteStopAPeer) {
  start({peer()});
  deposit(11, 4, 2);
  End& w = worker();
  for (int n = 0; n < 31; ++n) {
    const wire::KeyAnswer held = lease(w, number_id(11 + 2 * static_cast<std::uint64_t>(n / 9)));
    ASSERT_EQ(held.problem, KeyProblem::none) << n << held.message;
    settle(w, held.lease, false);
  }
  EXPECT_EQ(lease(w, number_id(17)).problem, KeyProblem::throttled);
}

TEST_F(SharedKeysTest, AWaitingClientIsServedByADepositOrToldInTime) {
  wire::PeerSetup waits = peer();
  waits.exhausted = wire::Exhausted::wait;
  waits.wait_ms = 60'000;
  start({waits});
  End& w = worker();
  const auto number = send(w, {wire::KeyOperation::take, "b.example", {}, {}, false, 60'000});
  settle_loop();
  EXPECT_FALSE(w.frames.contains(number));
  deposit(10, 1);
  EXPECT_EQ(answer<wire::KeyAnswer>(w, number).key_id, "10");
  EXPECT_EQ(take(w, "b.example", 50).problem, KeyProblem::exhausted);
}

TEST_F(SharedKeysTest, ManyTakesAtOnceGetEachAKeyOfTheirOwn) {
  start({peer()});
  deposit(2, 40, 2);
  End& one = worker();
  End& two = worker();
  std::vector<std::uint64_t> numbers;
  for (int n = 0; n < 20; ++n) {
    numbers.push_back(send(one, {wire::KeyOperation::take, "b.example", {}, {}, false, 0}));
    (void)send(two, {wire::KeyOperation::take, "b.example", {}, {}, false, 0});
  }
  std::set<std::string> ids;
  for (const std::uint64_t number : numbers) {
    ids.insert(answer<wire::KeyAnswer>(one, number).key_id);
    ids.insert(answer<wire::KeyAnswer>(two, number).key_id);
  }
  EXPECT_EQ(ids.size(), 40U);
}

TEST_F(SharedKeysTest, DerivedModeNeedsAnIdentityThatSaysSo) {
  wire::PeerSetup derived = peer();
  derived.mode = wire::KeyMode::derived;
  start({derived});
  deposit(10, 2);
  End& w = worker();
  const wire::KeyAnswer taken = take(w);
  ASSERT_EQ(taken.problem, KeyProblem::none) << taken.message;
  EXPECT_EQ(taken.secret.size(), 32U);
  EXPECT_NE(taken.secret, Bytes(32, 10));
  EXPECT_TRUE(text_of(taken.identity).ends_with(";derived=hmac-sha256"));
  EXPECT_EQ(lease(w, number_id(11)).problem, KeyProblem::unknown);
  const wire::KeyAnswer held =
      ask(w, {wire::KeyOperation::lease, "b.example", number_id(11), copy_of(view("pkcs:object=hsm.b.example;id=11;derived=hmac-sha256")), true, 0});
  ASSERT_EQ(held.problem, KeyProblem::none) << held.message;
  EXPECT_TRUE(settle(w, held.lease, true).good);
}

TEST_F(SharedKeysTest, ALastingKeyServesManyConnections) {
  start({lasting()});
  add_psk("office", Bytes(20, 3));
  End& w = worker();
  const wire::KeyAnswer taken = take(w);
  ASSERT_EQ(taken.problem, KeyProblem::none) << taken.message;
  EXPECT_EQ(taken.secret, Bytes(20, 3));
  EXPECT_EQ(text_of(taken.identity), "pkcs:object=hsm.a.example;id=office");
  const wire::KeyAnswer one = lease(w, {});
  const wire::KeyAnswer two = lease(w, {});
  ASSERT_EQ(two.problem, KeyProblem::none) << two.message;
  EXPECT_NE(one.lease, two.lease);
  EXPECT_TRUE(settle(w, one.lease, true).good);
  EXPECT_TRUE(settle(w, two.lease, true).good);
  EXPECT_FALSE(std::filesystem::exists("ledger"));
}

TEST_F(SharedKeysTest, AReloadBringsAndTakesAwayStores) {
  start({peer()});
  deposit(10, 2);
  End& w = worker();
  start({peer("c.example")});
  EXPECT_EQ(take(w).problem, KeyProblem::failed);
  EXPECT_EQ(take(w, "c.example").problem, KeyProblem::exhausted);
  start({peer()});
  EXPECT_EQ(take(w).key_id, "10");
}

TEST_F(SharedKeysTest, ALockedTokenSaysSoAndServesAfterItsPin) {
  start({peer()});
  deposit(10, 1);
  wire::TokenSetup manual = token();
  const std::string pin = read("pin");
  manual.pin_file.clear();
  start({peer()}, {manual});
  End& w = worker();
  const wire::KeyAnswer locked = take(w);
  EXPECT_EQ(locked.problem, KeyProblem::failed);
  EXPECT_NE(locked.message.find("tlspool pin"), std::string::npos) << locked.message;
  EXPECT_NE(locked.message.find("store=hsm.b.example token=default"), std::string::npos) << locked.message;
  EXPECT_NE(count().problem.find("tlspool pin"), std::string::npos);
  auto pair = socket_pair(SOCK_STREAM, false);
  Frame frame{wire::Kind::pin_entry, 0, wire::encode(wire::PinEntry{"default"}), {}};
  frame.descriptors.push_back(std::move(pair->first));
  keeper_->take(std::move(frame));
  ASSERT_TRUE(transmit(pair->second.get(), view(pin), {}));
  shutdown(pair->second.get(), SHUT_WR);
  run_until([&] { return keeper_->report().tokens.at(0).state == wire::TokenState::ready; });
  EXPECT_EQ(take(w).key_id, "10");
}

TEST_F(SharedKeysTest, AFailedTokenIsReopenedAndItsKeysAreFoundAnew) {
  start({peer()}, {shimmed()});
  deposit(10, 4);
  End& w = worker();
  EXPECT_EQ(take(w).key_id, "10");
  write("fail", "");
  const wire::KeyAnswer failed = take(w);
  EXPECT_EQ(failed.problem, KeyProblem::failed);
  EXPECT_NE(failed.message.find("CKR_DEVICE_ERROR"), std::string::npos) << failed.message;
  std::filesystem::remove("fail");
  run_until([&] { return keeper_->report().tokens.at(0).state == wire::TokenState::ready; });
  EXPECT_EQ(lease(w, number_id(11)).problem, KeyProblem::none);
  EXPECT_EQ(take(w).problem, KeyProblem::exhausted) << "12 was burned when the token failed";
}

TEST_F(SharedKeysTest, ASlowTokenDelaysNobodyElsesKeys) {
  setenv("TLSPOOL_HOLD_TOKEN", (directory_ + "/hold").c_str(), 1);
  // Two modules: the same library can't be initialised twice in one process.
  std::filesystem::copy_file(softhsm_module, "other.so");
  wire::TokenSetup slow = shimmed();
  slow.name = "slow";
  wire::TokenSetup fast = token();
  fast.module = directory_ + "/other.so";
  wire::PeerSetup theirs = peer("slow.example");
  theirs.token = "slow";
  start({peer(), theirs}, {fast, slow});
  deposit(10, 2);
  deposit(10, 2, 2, "slow.example");
  End& w = worker();
  write("hold", "");
  const auto waiting = send(w, {wire::KeyOperation::take, "slow.example", {}, {}, false, 0});
  settle_loop();
  EXPECT_EQ(take(w).key_id, "10");
  EXPECT_FALSE(w.frames.contains(waiting));
  std::filesystem::remove("hold");
  EXPECT_EQ(answer<wire::KeyAnswer>(w, waiting).key_id, "10");
  unsetenv("TLSPOOL_HOLD_TOKEN");
}

TEST_F(SharedKeysTest, AMalformedRequestEndsTheChannel) {
  start({peer()});
  deposit(11, 1);
  End& w = worker();
  ASSERT_EQ(lease(w, number_id(11)).problem, KeyProblem::none);
  (void)send(w, wire::Kind::key_request, copy_of(view("garbage")));
  run_until([&] { return !w.channel->open(); });
  EXPECT_EQ(count().leased, 0U);
}

}  // namespace
}  // namespace tlspool::keeper
