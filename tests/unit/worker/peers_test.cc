// SPDX-License-Identifier: Apache-2.0
#include "worker/peers.h"

#include <gtest/gtest.h>

using namespace tlspool;
using namespace tlspool::worker;

namespace {

wire::PeerSetup bank() {
  wire::PeerSetup p;
  p.name = "bank.example";
  p.address = "hsm.us.example";
  p.store = "hsm.bank.example";
  return p;
}

authz::Caller caller() {
  authz::Caller c;
  c.credentials.uid = 1000;
  return c;
}

std::shared_ptr<const Policy> policy_of(std::vector<wire::PeerSetup> peers, std::vector<std::string> identities = {"*"}) {
  wire::WorkerSetup setup;
  setup.ticket_key.assign(80, 1);
  setup.peers = std::move(peers);
  setup.rules.push_back({{1000}, {}, {}, std::move(identities), 3});
  return *Policy::make(std::move(setup));
}

StartRequest to(const std::string& name) {
  StartRequest r;
  r.remote_identity = name;
  return r;
}
StartRequest accepting() {
  StartRequest r;
  r.roles = wire::role_server;
  r.proof = Proof::none;
  return r;
}

std::string refusal(const Policy& policy, const StartRequest& request) {
  auto peer = peer_of_client(policy, request, caller());
  return peer ? "none" : peer.error().text();
}

TEST(PeerOfClient, IsTheOneThatIsExpectedElseTheOneOfTheServerName) {
  const auto policy = policy_of({bank()});
  EXPECT_EQ((*peer_of_client(*policy, to("bank.example"), caller()))->name, "bank.example");
  EXPECT_EQ(*peer_of_client(*policy, to("other.example"), caller()), nullptr);
  StartRequest by_name;
  by_name.proof = Proof::none;
  by_name.server_name = "bank.example";
  EXPECT_NE(*peer_of_client(*policy, by_name, caller()), nullptr);
  by_name.remote_identity = "other.example";
  EXPECT_EQ(*peer_of_client(*policy, by_name, caller()), nullptr);
}

TEST(PeerOfClient, PlaysOnlyItsRoles) {
  auto peer = bank();
  peer.roles = wire::role_server;
  EXPECT_EQ(*peer_of_client(*policy_of({peer}), to("bank.example"), caller()), nullptr);
}

TEST(PeerOfClient, ThatIsForProgramsThatAskIsForThemAlone) {
  auto peer = bank();
  peer.only_if_asked = true;
  const auto policy = policy_of({peer});
  auto request = to("bank.example");
  EXPECT_EQ(*peer_of_client(*policy, request, caller()), nullptr);
  request.require_shared_key = true;
  EXPECT_NE(*peer_of_client(*policy, request, caller()), nullptr);
}

TEST(PeerOfClient, IsMissedWhereAKeyIsRequired) {
  auto request = to("other.example");
  request.require_shared_key = true;
  EXPECT_NE(refusal(*policy_of({bank()}), request).find("other.example"), std::string::npos);
}

TEST(PeerOfClient, OfTls12IsNotForAConnectionThatMustBe13) {
  auto peer = bank();
  peer.tls13 = false;
  auto request = to("bank.example");
  request.tls13_only = true;
  EXPECT_NE(refusal(*policy_of({peer}), request).find("TLS 1.2"), std::string::npos);
}

TEST(PeerOfClient, ProvesOneIdentityOfOursAndNoOther) {
  auto peer = bank();
  peer.local_identity = "us.example";
  const auto policy = policy_of({peer});
  auto request = to("bank.example");
  EXPECT_NE(*peer_of_client(*policy, request, caller()), nullptr);
  request.local_identity = "us.example";
  EXPECT_NE(*peer_of_client(*policy, request, caller()), nullptr);
  request.local_identity = "them.example";
  EXPECT_NE(refusal(*policy, request).find("us.example"), std::string::npos);
  EXPECT_NE(refusal(*policy_of({peer}, {"somebody.else"}), to("bank.example")).find("may not use"), std::string::npos);
}

TEST(PeerOfClient, IsWantedByAnIdentityWithoutACertificate) {
  auto peer = bank();
  peer.local_identity = "us.example";
  auto request = to("elsewhere.example");
  request.local_identity = "us.example";
  EXPECT_NE(refusal(*policy_of({peer}), request).find("shared keys alone"), std::string::npos);
  peer.only_if_asked = true;
  request.remote_identity = "bank.example";
  EXPECT_NE(*peer_of_client(*policy_of({peer}), request, caller()), nullptr);
}

TEST(Policy, AnIdentityOfAPeerMayBeUsedInThePeersRoles) {
  auto peer = bank();
  peer.local_identity = "us.example";
  peer.roles = wire::role_client;
  const auto policy = policy_of({peer}, {"us.example"});
  EXPECT_TRUE(policy->allows(caller(), "us.example", wire::role_client));
  EXPECT_FALSE(policy->allows(caller(), "us.example", wire::role_server));
  EXPECT_FALSE(policy->allows(caller(), "them.example", wire::role_client));
  EXPECT_FALSE(policy_of({peer}, {"other"})->allows(caller(), "us.example", wire::role_client));
}

TEST(PeersOfServer, AreThoseThatTheCallerMayServe) {
  auto named = bank();
  named.local_identity = "us.example";
  auto request = accepting();
  EXPECT_EQ(peers_of_server(*policy_of({named}), request, caller()).usable.size(), 1U);
  EXPECT_TRUE(peers_of_server(*policy_of({named}, {"other"}), request, caller()).usable.empty());
  named.roles = wire::role_client;
  EXPECT_TRUE(peers_of_server(*policy_of({named}), request, caller()).usable.empty());
}

TEST(PeersOfServer, OfAnExpectedNameAreTheOnlyWayUnlessACertificateMayReplaceThem) {
  auto request = accepting();
  request.remote_identity = "bank.example";
  EXPECT_TRUE(peers_of_server(*policy_of({bank()}), request, caller()).required);
  auto peer = bank();
  peer.exhausted = wire::Exhausted::certificate;
  EXPECT_FALSE(peers_of_server(*policy_of({peer}), request, caller()).required);
  peer = bank();
  peer.only_if_asked = true;
  EXPECT_FALSE(peers_of_server(*policy_of({peer}), request, caller()).required);
  request.remote_identity = "other.example";
  EXPECT_TRUE(peers_of_server(*policy_of({bank()}), request, caller()).usable.empty());
  EXPECT_FALSE(peers_of_server(*policy_of({bank()}), accepting(), caller()).required);
}

struct Naming {
  std::vector<wire::PeerSetup> all{bank()};
  bool tls13 = true;
  std::string refusal_of(const std::string& identity, bool usable = true) {
    std::vector<const wire::PeerSetup*> list;
    for (const auto& peer : all) {
      if (usable) list.push_back(&peer);
    }
    auto named = key_named_by(view(identity), all, list, tls13);
    return !named ? named.error().text() : *named ? "" : "not ours";
  }
};

TEST(KeyNamedBy, AnIdentityOfAPeer) {
  Naming n;
  EXPECT_EQ(n.refusal_of("pkcs:object=hsm.bank.example;id=5678"), "");
}

TEST(KeyNamedBy, WhatIsNoIdentityOfOursIsLeftAlone) {
  Naming n;
  EXPECT_EQ(n.refusal_of(std::string("\x01\x02ticket\x00", 9)), "not ours");
}

TEST(KeyNamedBy, ATextThatThePeerHas) {
  Naming n;
  n.all[0].identity_form = wire::IdentityForm::text;
  n.all[0].identity = "Client_identity";
  n.all[0].source = wire::KeySource::psk;
  EXPECT_EQ(n.refusal_of("Client_identity"), "");
  EXPECT_EQ(n.refusal_of("client_identity"), "not ours");
}

TEST(KeyNamedBy, ItsRefusalsSayWhichStoreAndWhatToDo) {
  Naming n;
  EXPECT_NE(n.refusal_of("pkcs:object=hsm.us.example;id=5678").find("our own key store"), std::string::npos);
  EXPECT_NE(n.refusal_of("pkcs:object=hsm.nobody.example;id=5678").find("hsm.nobody.example: no [[peer]]"), std::string::npos);
  EXPECT_NE(n.refusal_of("pkcs:object=hsm.bank.example;id=5678", false).find("may not be used"), std::string::npos);
  n.tls13 = false;
  EXPECT_NE(n.refusal_of("pkcs:object=hsm.bank.example;id=5678").find("TLS 1.3 alone"), std::string::npos);
  n.tls13 = true;
  EXPECT_NE(n.refusal_of("pkcs:object=hsm.bank.example;id=" + std::string(200, '1')), "");
}

}  // namespace
