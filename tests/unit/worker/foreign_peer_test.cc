// SPDX-License-Identifier: Apache-2.0
// The worker's handshakes with shared keys against plain OpenSSL, which knows nothing of pools.
#include "../trust/pki.h"
#include "key_handshake.h"

using namespace tlspool;
using namespace tlspool::worker;

namespace {

/// An end of OpenSSL's own in the test's loop: moved on by step().
struct Foreign {
  tls::SslContext context{SSL_CTX_new(TLS_method())};
  tls::Ssl ssl;
  UniqueFd socket;
  Bytes identity = copy_of(view(identity_of_a));
  Bytes key = Bytes(32, 0x42);
  std::uint16_t suite = 0x1302;
  bool done = false;
  bool failed = false;
  int tickets = 0;
  int hellos = 0;

  explicit Foreign(UniqueFd on) : socket(std::move(on)) {
    SSL_CTX_set_app_data(context.get(), this);
    SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context.get(), [](SSL* s, SSL_SESSION*) {
      ++of(s).tickets;
      return 0;
    });
  }
  static Foreign& of(const SSL* s) { return *static_cast<Foreign*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(s))); }

  void make() {
    ssl.reset(SSL_new(context.get()));
    SSL_set_fd(ssl.get(), socket.get());
  }
  void offer13() {
    make();
    SSL_set_psk_use_session_callback(ssl.get(), [](SSL* s, const EVP_MD*, const unsigned char** id, std::size_t* size, SSL_SESSION** session) {
      Foreign& f = of(s);
      ++f.hellos;
      const unsigned char number[2] = {static_cast<unsigned char>(f.suite >> 8), static_cast<unsigned char>(f.suite)};
      *session = SSL_SESSION_new();
      SSL_SESSION_set1_master_key(*session, f.key.data(), f.key.size());
      SSL_SESSION_set_cipher(*session, SSL_CIPHER_find(s, number));
      SSL_SESSION_set_protocol_version(*session, TLS1_3_VERSION);
      *id = f.identity.data();
      *size = f.identity.size();
      return 1;
    });
    SSL_set_connect_state(ssl.get());
  }
  void offer12(const char* suites) {
    make();
    SSL_set_max_proto_version(ssl.get(), TLS1_2_VERSION);
    SSL_set_cipher_list(ssl.get(), suites);
    SSL_set_psk_client_callback(ssl.get(), [](SSL* s, const char* hint, char* id, unsigned, unsigned char* psk, unsigned) {
      Foreign& f = of(s);
      f.hint = hint == nullptr ? "" : hint;
      std::copy(f.identity.begin(), f.identity.end(), id);
      id[f.identity.size()] = '\0';
      std::copy(f.key.begin(), f.key.end(), psk);
      return static_cast<unsigned>(f.key.size());
    });
    SSL_set_connect_state(ssl.get());
  }
  void step() {
    if (failed) return;
    if (!done) {
      const int rc = SSL_do_handshake(ssl.get());
      const int error = SSL_get_error(ssl.get(), rc);
      done = rc == 1;
      failed = rc != 1 && error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE;
      if (failed) socket.reset();
    } else {
      char byte = 0;
      (void)SSL_read(ssl.get(), &byte, 1);
    }
  }
  std::string hint;
};

// For SSL_set_psk_find_session_callback: a server that takes every identity for the name of its key.
int session_of_the_key(SSL* s, const unsigned char*, std::size_t, SSL_SESSION** session) {
  const unsigned char number[2] = {0x13, 0x02};
  const Foreign& f = Foreign::of(s);
  *session = SSL_SESSION_new();
  SSL_SESSION_set1_master_key(*session, f.key.data(), f.key.size());
  SSL_SESSION_set_cipher(*session, SSL_CIPHER_find(s, number));
  SSL_SESSION_set_protocol_version(*session, TLS1_3_VERSION);
  return 1;
}

class ForeignPeer : public KeyHandshake {
 protected:
  void SetUp() override {
    client.keeper.answer = server.keeper.answer = key_answer;
    auto pair = socket_pair(SOCK_STREAM, true);
    near = std::move(pair->first);
    far = std::move(pair->second);
  }
  void serve(Foreign& foreign, const wire::PeerSetup& peer = site_b()) {
    server.start({peer}, as_server, std::move(near));
    until([&] {
      foreign.step();
      if (server.failure) server.handshake.reset();
      return server.done && (foreign.done || foreign.failed);
    });
  }
  UniqueFd near, far;
};

wire::PeerSetup tls12(wire::KeyExchange exchange) {
  auto peer = site_a();
  peer.tls13 = false;
  peer.exchange = exchange;
  return site_b(peer);
}

TEST_F(ForeignPeer, AClientOfTls13GetsNoTicket) {
  Foreign foreign(std::move(far));
  foreign.offer13();
  serve(foreign);
  ASSERT_FALSE(server.failure) << server.message();
  ASSERT_TRUE(foreign.done);
  for (int i = 0; i < 5; ++i) foreign.step();
  EXPECT_EQ(foreign.tickets, 0);
  EXPECT_EQ(SSL_session_reused(foreign.ssl.get()), 1);
}

TEST_F(ForeignPeer, AClientOfTls12GetsTheHintAndNoTicket) {
  Foreign foreign(std::move(far));
  foreign.offer12("PSK-AES256-GCM-SHA384");
  serve(foreign, tls12(wire::KeyExchange::none));
  ASSERT_FALSE(server.failure) << server.message();
  ASSERT_TRUE(foreign.done);
  EXPECT_EQ(foreign.hint, "hsm.b.example");
  EXPECT_EQ(foreign.tickets, 0);
  EXPECT_EQ(SSL_SESSION_has_ticket(SSL_get0_session(foreign.ssl.get())), 0);
  EXPECT_EQ(SSL_SESSION_is_resumable(SSL_get0_session(foreign.ssl.get())), 0);
}

TEST_F(ForeignPeer, AHelloRetryRequestLeasesOnce) {
  Foreign foreign(std::move(far));
  SSL_CTX_set1_groups_list(foreign.context.get(), "X448:X25519");  // its share is of a group that is not ours
  foreign.offer13();
  serve(foreign);
  ASSERT_FALSE(server.failure) << server.message();
  EXPECT_EQ(foreign.hellos, 2);
  EXPECT_EQ(server.keeper.requests.size(), 1U);
  EXPECT_EQ(server.keeper.settled.size(), 1U);
}

TEST_F(ForeignPeer, AnotherHashIsRefusedBeforeTheKeyIsConsumed) {
  Foreign foreign(std::move(far));
  SSL_CTX_set_ciphersuites(foreign.context.get(), "TLS_AES_128_GCM_SHA256");
  foreign.suite = 0x1301;
  foreign.offer13();
  serve(foreign);
  ASSERT_TRUE(server.failure && foreign.failed);
  EXPECT_NE(server.failure->message.find("TLS_AES_256_GCM_SHA384"), std::string::npos) << server.message();
  until([&] { return !server.keeper.settled.empty(); });
  EXPECT_FALSE(server.keeper.settled[0].verified);
}

TEST_F(ForeignPeer, ADiffieHellmanExchangeIsAlwaysPartOfTls13) {
  Foreign foreign(std::move(far));
  foreign.offer13();
  SSL_set_options(foreign.ssl.get(), SSL_OP_ALLOW_NO_DHE_KEX);
  // OpenSSL offers both modes; the server must take the one with forward secrecy.
  serve(foreign);
  ASSERT_FALSE(server.failure) << server.message();
  EXPECT_NE(SSL_get_negotiated_group(foreign.ssl.get()), 0);
}

TEST_F(ForeignPeer, AnUnknownIdentityOfTls12IsNamed) {
  Foreign foreign(std::move(far));
  foreign.identity = copy_of(view("Client\x01identity"));
  foreign.offer12("PSK-AES256-GCM-SHA384");
  serve(foreign, tls12(wire::KeyExchange::none));
  ASSERT_TRUE(server.failure);
  EXPECT_EQ(server.failure->reason, "sharedKey");
  EXPECT_NE(server.failure->message.find("Client\\x01identity"), std::string::npos) << server.message();
  EXPECT_EQ(server.failure->alert_sent, "unknown_psk_identity");
}

TEST_F(ForeignPeer, AClientWithoutAnySharedKeyIsRefusedWhereOneIsRequired) {
  as_server.require_shared_key = true;
  Foreign foreign(std::move(far));
  foreign.make();
  SSL_set_connect_state(foreign.ssl.get());
  serve(foreign);
  ASSERT_TRUE(server.failure);
  EXPECT_EQ(server.failure->reason, "sharedKey");
  EXPECT_NE(server.failure->message.find("offered none"), std::string::npos) << server.message();
}

TEST_F(ForeignPeer, AServerThatSendsACertificateInsteadIsRefused) {
  const test::Party party = test::issue({.cn = "b.example", .san = "DNS:b.example"});
  for (const auto& peer : {site_a(), [] {
                             auto p = site_a();
                             p.use = wire::KeyUse::session;
                             p.source = wire::KeySource::psk;
                             p.tls13 = false;
                             p.suite = "ECDHE-ECDSA-AES128-GCM-SHA256";
                             return p;
                           }()}) {
    Side a{loop};
    a.keeper.answer = key_answer;
    auto pair = socket_pair(SOCK_STREAM, true);
    Foreign foreign(std::move(pair->second));
    SSL_CTX_use_certificate(foreign.context.get(), party.certificate.get());
    SSL_CTX_use_PrivateKey(foreign.context.get(), party.key.get());
    foreign.make();
    SSL_set_accept_state(foreign.ssl.get());
    a.start({peer}, as_client, std::move(pair->first));
    until([&] {
      foreign.step();
      return a.done;
    });
    ASSERT_TRUE(a.failure);
    EXPECT_EQ(a.failure->reason, "sharedKey");
    EXPECT_NE(a.failure->message.find("a certificate instead"), std::string::npos) << a.message();
    EXPECT_TRUE(a.connection().proved().identity.empty());
  }
}

/// The records of a ClientHello with this tie-breaker.
Bytes hello_with(tls::TieBreaker value) {
  const tls::SslContext context{SSL_CTX_new(TLS_client_method())};
  SSL_CTX_add_custom_ext(
      context.get(), wire::PeerToPeerSetup{}.extension, SSL_EXT_CLIENT_HELLO,
      [](SSL*, unsigned, unsigned, const unsigned char** out, std::size_t* size, X509*, std::size_t, int*, void* arg) {
        *out = static_cast<tls::TieBreaker*>(arg)->data();
        *size = sizeof(tls::TieBreaker);
        return 1;
      },
      nullptr, &value, nullptr, nullptr);
  const tls::Ssl ssl{SSL_new(context.get())};
  BIO* out = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), out);
  SSL_set_connect_state(ssl.get());
  (void)SSL_do_handshake(ssl.get());
  char* data = nullptr;
  const long size = BIO_get_mem_data(out, &data);
  return {data, data + size};
}

TEST_F(ForeignPeer, WhoBecomesServerWithoutTheProofGetsAnAlertAlsoWithoutACertificate) {
  as_client.peer_to_peer = true;
  as_client.roles = wire::role_client | wire::role_server;
  client.start({site_a()}, as_client, std::move(near));
  Foreign foreign(std::move(far));
  char byte = 0;
  until([&] { return recv(foreign.socket.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1; });
  tls::TieBreaker higher = tls::server_only;
  higher.back() = 0;
  const Bytes hello = hello_with(higher);
  ASSERT_EQ(send(foreign.socket.get(), hello.data(), hello.size(), 0), static_cast<ssize_t>(hello.size()));
  foreign.make();
  int alert = 0;
  SSL_set_app_data(foreign.ssl.get(), &alert);
  SSL_set_info_callback(foreign.ssl.get(), [](const SSL* s, int where, int value) {
    if ((where & SSL_CB_READ) != 0 && (where & SSL_CB_ALERT) != 0) *static_cast<int*>(SSL_get_app_data(s)) = value & 0xff;
  });
  SSL_set_psk_find_session_callback(foreign.ssl.get(), session_of_the_key);
  SSL_set_accept_state(foreign.ssl.get());
  until([&] {
    foreign.step();
    if (client.failure) client.handshake.reset();
    return client.done && (foreign.done || foreign.failed);
  });
  ASSERT_TRUE(client.failure);
  EXPECT_EQ(client.failure->reason, "policy") << client.message();
  EXPECT_NE(client.failure->message.find("without saying which ClientHello"), std::string::npos) << client.message();
  EXPECT_TRUE(foreign.failed);  // its handshake does not end well
  EXPECT_EQ(alert, SSL_AD_BAD_CERTIFICATE_STATUS_RESPONSE);
}

TEST_F(ForeignPeer, NoSessionOfASharedKeyIsKept) {
  Foreign foreign(std::move(far));
  foreign.make();
  SSL_set_psk_find_session_callback(foreign.ssl.get(), session_of_the_key);
  SSL_set_accept_state(foreign.ssl.get());
  client.start({site_a()}, as_client, std::move(near));
  until([&] {
    foreign.step();
    return client.done && foreign.done;
  });
  ASSERT_FALSE(client.failure) << client.message();
  const tls::Ssl ssl = client.handshake->take_ssl();
  char byte = 0;
  for (int i = 0; i < 5; ++i) (void)SSL_read(ssl.get(), &byte, 1);  // the tickets that the foreign server sends
  EXPECT_FALSE(client.sessions.take(client.connection()));
}

}  // namespace
