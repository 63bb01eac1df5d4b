// SPDX-License-Identifier: Apache-2.0
// Keys that lie in no token: phantom sessions, and those of a key management entity.
#include "keeper/phantoms.h"

#include "shared_fixture.h"

namespace tlspool::keeper {
namespace {

using wire::KeyOperation;
using wire::KeyProblem;

constexpr const char* uuid = "550e8400-e29b-41d4-a716-446655440000";
Bytes uuid_id() { return *sharedkey::id_from_text(wire::IdForm::uuid, uuid); }

class Sources : public SharedKeysTest {
 protected:
  wire::KeyAnswer seed_client(End& end) { return ask(end, {KeyOperation::seed_client, "b.example", {}, {}, false, 0}); }
  wire::KeyAnswer seed_server(End& end, const Bytes& id) { return ask(end, {KeyOperation::seed_server, {}, id, {}, false, 0}); }

  [[nodiscard]] static wire::PeerSetup from_kme() {
    wire::PeerSetup out = peer();
    out.source = wire::KeySource::kme;
    out.kme = "kme-a";
    out.sae = "sae-b";
    out.id_form = wire::IdForm::uuid;
    return out;
  }
  /// Waits for the keeper's next question and answers it.
  wire::FetchRequest fetched(End& fetcher, wire::FetchAnswer answer) {
    run_until([&] { return fetcher.order.size() > served_; });
    const std::uint64_t number = fetcher.order[served_++];
    auto request = wire::decode<wire::FetchRequest>(fetcher.frames[number].body);
    EXPECT_TRUE(request);
    fetcher.channel->send(wire::Kind::fetch_answer, number, wire::encode(answer));
    return request ? *request : wire::FetchRequest{};
  }
  std::uint64_t ask_take(End& w) { return send(w, {KeyOperation::take, "b.example", {}, {}, false, 0}); }
  std::uint64_t ask_lease(End& w) { return send(w, {KeyOperation::lease, "b.example", uuid_id(), {}, false, 0}); }
  std::size_t served_ = 0;
};

TEST_F(Sources, BothSidesOfAPhantomSessionAreTheSame) {
  start({session()});
  add_psk("office");
  End& w = worker();
  const wire::KeyAnswer client = seed_client(w);
  ASSERT_EQ(client.problem, KeyProblem::none) << client.message;
  EXPECT_EQ(client.secret.size(), 48U);
  EXPECT_EQ(client.session_id.size(), 32U);
  EXPECT_EQ(client.lease, 0U);
  const wire::KeyAnswer server = seed_server(w, client.session_id);
  ASSERT_EQ(server.problem, KeyProblem::none) << server.message;
  EXPECT_EQ(server.secret, client.secret);
  EXPECT_EQ(server.peer, "b.example");
  EXPECT_TRUE(settle(w, server.lease, true).good);
  EXPECT_EQ(seed_server(w, Bytes(32, 1)).problem, KeyProblem::unknown);
  EXPECT_EQ(take(w).problem, KeyProblem::failed) << "its secret is no pre-shared key";
}

TEST_F(Sources, AFailedResumptionSlowsTheNextDownAlsoAfterARestart) {
  start({session()});
  add_psk("office");
  End& w = worker();
  const Bytes id = seed_client(w).session_id;
  std::vector<std::uint64_t> leases;  // several connections may try at once
  for (int n = 0; n < 8; ++n) leases.push_back(seed_server(w, id).lease);
  for (const std::uint64_t lease : leases) settle(w, lease, false);
  EXPECT_EQ(seed_server(w, id).problem, KeyProblem::throttled);
  w.channel.reset();
  ends_.clear();
  keeper_.reset();
  ASSERT_TRUE(std::filesystem::exists("throttle"));
  start({session()});
  EXPECT_EQ(seed_server(worker(), id).problem, KeyProblem::throttled);
}

TEST_F(Sources, ThirtyTwoConnectionsMayTryASessionAtOnceAndAVanishedWorkerIsAFailure) {
  start({session()});
  add_psk("office");
  End& w = worker();
  const Bytes id = seed_client(w).session_id;
  for (int n = 0; n < 32; ++n) ASSERT_EQ(seed_server(w, id).problem, KeyProblem::none);
  EXPECT_EQ(seed_server(w, id).problem, KeyProblem::throttled);
  w.channel.reset();
  settle_loop();
  EXPECT_EQ(seed_server(worker(), id).problem, KeyProblem::throttled) << "32 resumptions were not completed";
}

TEST_F(Sources, AnotherSecretIsAnotherSession) {
  start({session()});
  End& w = worker();
  EXPECT_NE(seed_client(w).message.find("tlspool psk add office"), std::string::npos);
  add_psk("office", Bytes(32, 1));
  const Bytes id = seed_client(w).session_id;
  admin<Nothing>(wire::KeyAdminKind::psk_remove, wire::encode(wire::PskRemove{"office"}), wire::KeyAdminKind::done);
  add_psk("office", Bytes(32, 2));
  EXPECT_NE(seed_client(w).session_id, id);
  EXPECT_EQ(seed_server(w, id).problem, KeyProblem::unknown);
}

TEST_F(Sources, AClientsKeyComesFromTheEntityAndIsTombstoned) {
  start({from_kme()});
  End& fetcher = connect(wire::Kind::fetcher_channel);
  End& w = worker();
  const auto number = ask_take(w);
  const auto request = fetched(fetcher, {KeyProblem::none, {}, uuid, Bytes(32, 4)});
  EXPECT_EQ(request.kme, "kme-a");
  EXPECT_EQ(request.sae, "sae-b");
  EXPECT_TRUE(request.key_id.empty());
  const auto taken = answer<wire::KeyAnswer>(w, number);
  ASSERT_EQ(taken.problem, KeyProblem::none) << taken.message;
  EXPECT_EQ(taken.key_id, uuid);
  EXPECT_EQ(taken.secret, Bytes(32, 4));
  EXPECT_EQ(count().used, 1U);
  const auto again = ask_take(w);
  fetched(fetcher, {KeyProblem::none, {}, uuid, Bytes(32, 4)});
  EXPECT_EQ(answer<wire::KeyAnswer>(w, again).problem, KeyProblem::used) << "the entity gave the same key twice";
}

TEST_F(Sources, AServersKeyIsAskedForOnceAndKeptUntilAHandshakeSucceeds) {
  start({from_kme()});
  End& fetcher = connect(wire::Kind::fetcher_channel);
  End& w = worker();
  const auto number = ask_lease(w);
  EXPECT_EQ(fetched(fetcher, {KeyProblem::none, {}, uuid, Bytes(32, 4)}).key_id, uuid);
  const auto held = answer<wire::KeyAnswer>(w, number);
  ASSERT_EQ(held.problem, KeyProblem::none) << held.message;
  EXPECT_TRUE(settle(w, held.lease, false).good);
  const auto again = answer<wire::KeyAnswer>(w, ask_lease(w));
  ASSERT_EQ(again.problem, KeyProblem::none) << again.message;
  EXPECT_EQ(again.secret, Bytes(32, 4));
  EXPECT_TRUE(settle(w, again.lease, true).good);
  EXPECT_EQ(answer<wire::KeyAnswer>(w, ask_lease(w)).problem, KeyProblem::used);
  EXPECT_EQ(fetcher.order.size(), 1U);
}

TEST_F(Sources, ALostAnswerIsALostKey) {
  start({from_kme()});
  End& w = worker();
  const auto nobody = answer<wire::KeyAnswer>(w, ask_take(w));
  EXPECT_EQ(nobody.problem, KeyProblem::failed);
  EXPECT_NE(nobody.message.find("the fetcher does not run"), std::string::npos) << nobody.message;
  End& fetcher = connect(wire::Kind::fetcher_channel);
  const auto number = ask_lease(w);
  run_until([&] { return !fetcher.order.empty(); });
  fetcher.channel.reset();
  EXPECT_EQ(answer<wire::KeyAnswer>(w, number).problem, KeyProblem::failed);
  served_ = 0;
  End& next = connect(wire::Kind::fetcher_channel);
  EXPECT_EQ(answer<wire::KeyAnswer>(w, ask_lease(w)).problem, KeyProblem::used);
  EXPECT_TRUE(next.order.empty());
}

TEST_F(Sources, WhatTheEntityAnswersIsChecked) {
  start({from_kme()});
  End& fetcher = connect(wire::Kind::fetcher_channel);
  End& w = worker();
  const auto outcome = [&](wire::FetchAnswer said) {
    const auto number = ask_take(w);
    fetched(fetcher, std::move(said));
    return answer<wire::KeyAnswer>(w, number);
  };
  EXPECT_NE(outcome({KeyProblem::none, {}, uuid, Bytes(8, 4)}).message.find("8 bytes"), std::string::npos);
  EXPECT_EQ(outcome({KeyProblem::none, {}, "no uuid", Bytes(32, 4)}).problem, KeyProblem::failed);
  const auto said = outcome({KeyProblem::exhausted, "no keys: 503", {}, {}});
  EXPECT_EQ(said.problem, KeyProblem::exhausted);
  EXPECT_NE(said.message.find("no keys: 503"), std::string::npos);
  EXPECT_EQ(count().used, 0U);
  wire::PeerSetup numbers = from_kme();
  numbers.id_form = wire::IdForm::number;
  start({numbers});
  EXPECT_NE(answer<wire::KeyAnswer>(w, ask_take(w)).message.find("id = \"uuid\""), std::string::npos);
}

}  // namespace
}  // namespace tlspool::keeper
