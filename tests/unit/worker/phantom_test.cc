// SPDX-License-Identifier: Apache-2.0
#include "worker/phantom.h"

#include "key_handshake.h"

using namespace tlspool;
using namespace tlspool::worker;

namespace {

wire::PeerSetup session_peer(bool extended) {
  auto peer = site_a();
  peer.use = wire::KeyUse::session;
  peer.source = wire::KeySource::psk;
  peer.tls13 = false;
  peer.user = "alice";
  peer.suite = "ECDHE-ECDSA-AES128-GCM-SHA256";
  peer.extended_master_secret = extended;
  return peer;
}

class Phantom : public KeyHandshake {
 protected:
  void SetUp() override { client.keeper.answer = server.keeper.answer = key_answer; }
};

TEST_F(Phantom, IsResumedWithoutACertificate) {
  for (const bool extended : {true, false}) {
    Side a{loop};
    Side b{loop};
    a.keeper.answer = b.keeper.answer = key_answer;
    auto peer = session_peer(extended);
    auto pair = socket_pair(SOCK_STREAM, true);
    b.start({site_b(peer)}, server_request(), std::move(pair->second));
    a.start({peer}, client_request(), std::move(pair->first));
    until([&] { return a.done && b.done; });
    ASSERT_FALSE(a.failure || b.failure) << extended << a.message() << " / " << b.message();
    EXPECT_EQ(b.connection().proved().identity, "a.example");
    EXPECT_EQ(b.connection().proved().how, "sharedKey");
    const tls::Ssl ssl = a.handshake->take_ssl();
    EXPECT_TRUE(a.connection().resumed(ssl.get()));
    EXPECT_EQ(SSL_get_extms_support(ssl.get()), extended ? 1 : 0);
    ASSERT_EQ(b.keeper.settled.size(), 1U);
    EXPECT_TRUE(b.keeper.settled[0].verified);
    EXPECT_EQ(b.keeper.requests.at(0).id, Bytes(32, 0x11));
  }
}

TEST_F(Phantom, AnotherSecretFailsAndIsCounted) {
  server.keeper.answer = [](const wire::KeyRequest& r) {
    auto answer = key_answer(r);
    answer.secret[0] ^= 1;
    return answer;
  };
  run(session_peer(true));
  ASSERT_TRUE(client.failure && server.failure);
  EXPECT_EQ(client.failure->reason, "sharedKey") << client.message();
  EXPECT_EQ(server.failure->alert_received, "bad_record_mac");
  until([&] { return server.keeper.settled.size() == 1; });
  EXPECT_FALSE(server.keeper.settled[0].verified);
}

TEST_F(Phantom, AThrottledUserIsToldSo) {
  server.keeper.answer = [](const wire::KeyRequest&) {
    wire::KeyAnswer answer;
    answer.problem = wire::KeyProblem::throttled;
    answer.message = "phantom session: user=alice: a resumption failed; again in 4 s";
    return answer;
  };
  run(session_peer(true));
  ASSERT_TRUE(client.failure && server.failure);
  EXPECT_NE(server.failure->message.find("again in 4 s"), std::string::npos);
  EXPECT_TRUE(server.keeper.settled.empty());
}

TEST_F(Phantom, ASilentClientCountsAsAFailure) {
  // The client's Finished never comes: its side is closed before it can read the server's.
  as_server.deadline = std::chrono::milliseconds{20000};
  auto peer = session_peer(true);
  auto pair = socket_pair(SOCK_STREAM, true);
  client.start({peer}, as_client, std::move(pair->first));
  until([&] { return client.keeper.requests.size() == 1; });
  until([&] {
    char byte = 0;
    return recv(pair->second.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
  });
  server.start({site_b(peer)}, as_server, std::move(pair->second));
  client.handshake.reset();
  until([&] { return server.done; });
  ASSERT_TRUE(server.failure);
  server.handshake.reset();
  until([&] { return server.keeper.settled.size() == 1; });
  EXPECT_FALSE(server.keeper.settled[0].verified);
}

TEST_F(Phantom, AClientInsistsOnHavingResumed) {
  // The server does not know the id, and has no certificate to offer either: nothing replaces the session.
  server.keeper.answer = [](const wire::KeyRequest&) {
    wire::KeyAnswer answer;
    answer.problem = wire::KeyProblem::unknown;
    return answer;
  };
  run(session_peer(true));
  EXPECT_TRUE(client.failure);
}

}  // namespace
