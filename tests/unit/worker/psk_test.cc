// SPDX-License-Identifier: Apache-2.0
#include "worker/psk.h"

#include "key_handshake.h"

using namespace tlspool;
using namespace tlspool::worker;

namespace {

class Psk : public KeyHandshake {
 protected:
  void SetUp() override {
    client.keeper.answer = key_answer;
    server.keeper.answer = key_answer;
  }
};

std::string suite(Side& side) {
  tls::Ssl ssl = side.handshake->take_ssl();
  return SSL_CIPHER_get_name(SSL_get_current_cipher(ssl.get()));
}

TEST_F(Psk, ProtectsAConnectionOfTls13AndIsConsumedOnce) {
  run(site_a());
  ASSERT_NO_FATAL_FAILURE(expect_success());
  EXPECT_EQ(client.connection().proved().identity, "b.example");
  EXPECT_EQ(client.connection().proved().how, "sharedKey");
  EXPECT_EQ(server.connection().proved().identity, "a.example");
  EXPECT_EQ(server.connection().shared_key->key_id, "5678");
  ASSERT_EQ(client.keeper.requests.size(), 1U);
  EXPECT_EQ(client.keeper.requests[0].operation, wire::KeyOperation::take);
  ASSERT_EQ(server.keeper.requests.size(), 1U);
  EXPECT_EQ(server.keeper.requests[0].operation, wire::KeyOperation::lease);
  EXPECT_EQ(server.keeper.requests[0].id, (Bytes{0, 0, 0, 0, 0, 0, 0x16, 0x2e}));
  EXPECT_EQ(text_of(server.keeper.requests[0].identity), identity_of_a);
  ASSERT_EQ(server.keeper.settled.size(), 1U);
  EXPECT_TRUE(server.keeper.settled[0].verified);
  EXPECT_EQ(server.keeper.settled[0].lease, 99U);
  const tls::Ssl ssl = client.handshake->take_ssl();
  EXPECT_FALSE(client.connection().resumed(ssl.get()));
  EXPECT_STREQ(SSL_CIPHER_get_name(SSL_get_current_cipher(ssl.get())), "TLS_AES_256_GCM_SHA384");
}

TEST_F(Psk, TakesTheSuiteOfItsHash) {
  auto peer = site_a();
  peer.hash = wire::KeyHash::sha256;
  run(peer);
  ASSERT_NO_FATAL_FAILURE(expect_success());
  EXPECT_EQ(suite(server), "TLS_AES_128_GCM_SHA256");
}

TEST_F(Psk, EachExchangeOfTls12Works) {
  for (const auto& [exchange, hash, expected] :
       {std::tuple{wire::KeyExchange::none, wire::KeyHash::sha384, "PSK-AES256-GCM-SHA384"},
        std::tuple{wire::KeyExchange::dhe, wire::KeyHash::sha384, "DHE-PSK-AES256-GCM-SHA384"},
        std::tuple{wire::KeyExchange::dhe, wire::KeyHash::sha256, "DHE-PSK-AES128-GCM-SHA256"},
        std::tuple{wire::KeyExchange::ecdhe, wire::KeyHash::sha384, "ECDHE-PSK-CHACHA20-POLY1305"}}) {
    Side a{loop};
    Side b{loop};
    a.keeper.answer = b.keeper.answer = key_answer;
    auto peer = site_a();
    peer.tls13 = false;
    peer.exchange = exchange;
    peer.hash = hash;
    auto pair = socket_pair(SOCK_STREAM, true);
    b.start({site_b(peer)}, server_request(), std::move(pair->second));
    a.start({peer}, client_request(), std::move(pair->first));
    until([&] { return a.done && b.done; });
    ASSERT_FALSE(a.failure || b.failure) << expected << ": " << a.message() << " / " << b.message();
    EXPECT_EQ(suite(a), expected);
    ASSERT_EQ(b.keeper.settled.size(), 1U);
    EXPECT_TRUE(b.keeper.settled[0].verified);
    EXPECT_EQ(b.connection().proved().identity, "a.example");
    EXPECT_EQ(has_forward_secrecy(peer), exchange != wire::KeyExchange::none);
  }
}

TEST_F(Psk, DifferentKeysFailAndConsumeNothing) {
  for (const bool tls13 : {true, false}) {
    Side a{loop};
    Side b{loop};
    a.keeper.answer = key_answer;
    b.keeper.answer = [](const wire::KeyRequest& r) {
      auto answer = key_answer(r);
      answer.secret[0] ^= 1;
      return answer;
    };
    auto peer = site_a();
    peer.tls13 = tls13;
    peer.exchange = wire::KeyExchange::dhe;
    auto pair = socket_pair(SOCK_STREAM, true);
    b.start({site_b(peer)}, server_request(), std::move(pair->second));
    a.start({peer}, client_request(), std::move(pair->first));
    until([&] { return a.done && b.done; });
    for (const Side* side : {&a, &b}) {
      ASSERT_TRUE(side->failure) << tls13;
      EXPECT_EQ(side->failure->reason, "sharedKey") << side->message();
      EXPECT_NE(side->failure->message.find("different keys"), std::string::npos) << side->message();
      EXPECT_NE(side->failure->message.find("tlspool qkd audit"), std::string::npos);
      EXPECT_NE(side->failure->message.find("5678"), std::string::npos);
    }
    b.handshake.reset();
    until([&] { return b.keeper.settled.size() == 1; });
    EXPECT_FALSE(b.keeper.settled[0].verified);
  }
}

TEST_F(Psk, AKeyThatAnotherPoolConsumedFailsTheHandshake) {
  server.keeper.good = false;
  run(site_a());
  ASSERT_TRUE(server.failure && client.failure);
  EXPECT_EQ(server.failure->reason, "sharedKey");
  EXPECT_NE(server.failure->message.find("another pool used it"), std::string::npos);
  EXPECT_EQ(client.failure->alert_received, "unknown_psk_identity");
}

TEST_F(Psk, AKeyThatAnotherPoolConsumedFailsTheHandshakeOfTls12) {
  server.keeper.good = false;
  auto peer = site_a();
  peer.tls13 = false;
  run(peer);
  ASSERT_TRUE(server.failure);
  EXPECT_NE(server.failure->message.find("another pool used it"), std::string::npos);
}

TEST_F(Psk, AUsedKeyIsRefusedWithTheKeepersWords) {
  for (const bool tls13 : {true, false}) {
    Side a{loop};
    Side b{loop};
    a.keeper.answer = key_answer;
    b.keeper.answer = [](const wire::KeyRequest&) {
      wire::KeyAnswer answer;
      answer.problem = wire::KeyProblem::used;
      answer.message = "shared key: store=hsm.a.example key=5678: it was used before";
      return answer;
    };
    auto peer = site_a();
    peer.tls13 = tls13;
    auto pair = socket_pair(SOCK_STREAM, true);
    b.start({site_b(peer)}, server_request(), std::move(pair->second));
    a.start({peer}, client_request(), std::move(pair->first));
    until([&] { return a.done && b.done; });
    ASSERT_TRUE(a.failure && b.failure);
    EXPECT_EQ(b.failure->reason, "sharedKey");
    EXPECT_NE(b.failure->message.find("it was used before"), std::string::npos);
    EXPECT_EQ(a.failure->alert_received, "unknown_psk_identity") << tls13;
    EXPECT_EQ(a.failure->reason, "sharedKey");
  }
}

TEST_F(Psk, NoKeyLeftFailsBeforeAByteIsSent) {
  client.keeper.answer = [](const wire::KeyRequest&) {
    wire::KeyAnswer answer;
    answer.problem = wire::KeyProblem::exhausted;
    answer.message = "shared key: store=hsm.b.example: no key is left";
    return answer;
  };
  auto pair = socket_pair(SOCK_STREAM, true);
  client.start({site_a()}, client_request(), std::move(pair->first));
  until([&] { return client.done; });
  EXPECT_EQ(client.failure->reason, "sharedKey");
  EXPECT_TRUE(client.failure->socket_usable);
  char byte = 0;
  EXPECT_EQ(recv(pair->second.get(), &byte, 1, MSG_DONTWAIT), -1);
}

TEST_F(Psk, ASilentKeeperDoesNotOutliveTheDeadline) {
  client.keeper.answer = nullptr;
  auto request = client_request();
  request.deadline = std::chrono::milliseconds{50};
  auto pair = socket_pair(SOCK_STREAM, true);
  client.start({site_a()}, request, std::move(pair->first));
  until([&] { return client.done; });
  EXPECT_EQ(client.failure->reason, "timeout");
  EXPECT_NE(client.failure->message.find("shared key"), std::string::npos);
}

TEST_F(Psk, AServerWhoseKeeperIsSilentGivesTheLeaseBackWhenItComes) {
  server.keeper.answer = nullptr;
  as_server.deadline = std::chrono::milliseconds{100};
  run(site_a());
  EXPECT_EQ(server.failure->reason, "timeout");
  ASSERT_EQ(server.keeper.numbers.size(), 1U);
  server.keeper.say(server.keeper.numbers[0], key_answer(server.keeper.requests[0]));
  until([&] { return server.keeper.settled.size() == 1; });
  EXPECT_FALSE(server.keeper.settled[0].verified);
}

TEST_F(Psk, AKeeperThatGoesAwayFailsTheHandshake) {
  server.keeper.answer = [&](const wire::KeyRequest& r) { return key_answer(r); };
  client.keeper.die();
  run(site_a());
  EXPECT_EQ(client.failure->reason, "sharedKey");
  EXPECT_NE(client.failure->message.find("keeper"), std::string::npos);
}

TEST_F(Psk, AReflectedIdentityIsRefused) {
  // The server is the very site whose client it was: the identity names its own key store.
  auto mirrored = site_a();
  run({site_a()}, {mirrored});
  ASSERT_TRUE(server.failure);
  EXPECT_EQ(server.failure->reason, "sharedKey");
  EXPECT_NE(server.failure->message.find("our own key store"), std::string::npos) << server.message();
  EXPECT_EQ(client.failure->alert_received, "unknown_psk_identity");
  EXPECT_TRUE(server.keeper.requests.empty());
}

TEST_F(Psk, ARequiredKeyIsNotReplaced) {
  as_client.proof = Proof::none;
  as_client.remote_identity.clear();
  as_server.require_shared_key = true;
  run({}, {site_b()});
  ASSERT_TRUE(server.failure);
  EXPECT_EQ(server.failure->reason, "sharedKey");
}

TEST_F(Psk, ARequiredKeyWithoutAPeerIsRefusedAtOnce) {
  as_client.require_shared_key = true;
  auto pair = socket_pair(SOCK_STREAM, true);
  client.start({}, as_client, std::move(pair->first));
  ASSERT_TRUE(client.failure);
  EXPECT_EQ(client.failure->reason, "sharedKey");
  EXPECT_NE(client.failure->message.find("b.example"), std::string::npos);
}

TEST_F(Psk, AHintOfAnotherStoreIsRefused) {
  auto peer = site_a();
  peer.tls13 = false;
  auto other = site_b(peer);
  other.address = "hsm.c.example";
  run({peer}, {other});
  ASSERT_TRUE(client.failure);
  EXPECT_EQ(client.failure->reason, "sharedKey");
  EXPECT_NE(client.failure->message.find("hsm.c.example"), std::string::npos) << client.message();
}

TEST_F(Psk, AFreeTextIdentityServesWhereBothSitesHaveIt) {
  for (const bool tls13 : {true, false}) {
    Side a{loop};
    Side b{loop};
    a.keeper.answer = b.keeper.answer = [](const wire::KeyRequest& r) {
      auto answer = key_answer(r);
      if (r.operation == wire::KeyOperation::take) answer.identity = copy_of(view("Client_identity"));
      return answer;
    };
    auto peer = site_a();
    peer.source = wire::KeySource::psk;
    peer.psk = "branch";
    peer.identity_form = wire::IdentityForm::text;
    peer.identity = "Client_identity";
    peer.tls13 = tls13;
    auto pair = socket_pair(SOCK_STREAM, true);
    b.start({site_b(peer)}, server_request(), std::move(pair->second));
    a.start({peer}, client_request(), std::move(pair->first));
    until([&] { return a.done && b.done; });
    ASSERT_FALSE(a.failure || b.failure) << a.message() << " / " << b.message();
    EXPECT_TRUE(b.keeper.requests.at(0).id.empty());
    EXPECT_EQ(store_of(*a.connection().shared_key->peer), "branch");
  }
}

}  // namespace
