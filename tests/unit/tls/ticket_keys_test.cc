// SPDX-License-Identifier: Apache-2.0
#include "tls/ticket_keys.h"

#include <gtest/gtest.h>

#include "../trust/pki.h"
#include "tls/context.h"

namespace tlspool::tls {
namespace {

Bytes key_of(std::uint8_t byte) { return Bytes(TicketKeys::key_size, byte); }

std::shared_ptr<const TicketKeys> keys(const Bytes& current, const std::vector<Bytes>& old = {}) {
  auto made = TicketKeys::make(current, old);
  EXPECT_TRUE(made);
  return *made;
}

class Tickets : public testing::TestWithParam<int> {
 protected:
  /// A server with these keys, of one identity.
  SslContext server(std::shared_ptr<const TicketKeys> with) {
    auto context = make_context(std::move(with));
    EXPECT_TRUE(context);
    SSL_CTX_use_certificate(context->get(), party_.certificate.get());
    SSL_CTX_use_PrivateKey(context->get(), party_.key.get());
    SSL_CTX_set_session_id_context(context->get(), reinterpret_cast<const unsigned char*>("x"), 1);
    return std::move(*context);
  }

  struct Visit {
    SslSession session;  ///< that the client has at the end
    bool resumed = false;
  };
  Visit visit(SSL_CTX* at, SSL_SESSION* with = nullptr) {
    const SslContext own{SSL_CTX_new(TLS_client_method())};
    SSL_CTX_set_min_proto_version(own.get(), GetParam());
    SSL_CTX_set_max_proto_version(own.get(), GetParam());
    SSL_CTX_set_session_cache_mode(own.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    const Ssl client{SSL_new(own.get())};
    const Ssl server{SSL_new(at)};
    BIO* one = nullptr;
    BIO* other = nullptr;
    BIO_new_bio_pair(&one, 0, &other, 0);
    SSL_set_bio(client.get(), one, one);
    SSL_set_bio(server.get(), other, other);
    SSL_set_connect_state(client.get());
    SSL_set_accept_state(server.get());
    if (with != nullptr) SSL_set_session(client.get(), with);
    for (int i = 0; i < 10; ++i) {
      SSL_do_handshake(client.get());
      SSL_do_handshake(server.get());
    }
    EXPECT_TRUE(SSL_is_init_finished(client.get()) && SSL_is_init_finished(server.get()));
    char byte = 0;
    SSL_read(client.get(), &byte, 1);  // the ticket of TLS 1.3
    Visit out{SslSession{SSL_get1_session(client.get())}, SSL_session_reused(server.get()) == 1};
    SSL_shutdown(client.get());
    return out;
  }

  test::Party party_ = test::issue(test::Spec{});
};

TEST_P(Tickets, AreReadWithTheKeyTheyWereMadeWith) {
  const auto context = server(keys(key_of(1)));
  const Visit first = visit(context.get());
  EXPECT_FALSE(first.resumed);
  EXPECT_TRUE(visit(context.get(), first.session.get()).resumed);
}

TEST_P(Tickets, OfAnotherServerAreReadWithItsKey) {
  const Visit first = visit(server(keys(key_of(1))).get());
  EXPECT_TRUE(visit(server(keys(key_of(1))).get(), first.session.get()).resumed);
  EXPECT_FALSE(visit(server(keys(key_of(2))).get(), first.session.get()).resumed);
}

TEST_P(Tickets, OfAnOldKeyAreReadAndReplaced) {
  const Visit first = visit(server(keys(key_of(1))).get());
  const auto rotated = server(keys(key_of(2), {key_of(3), key_of(1)}));
  const Visit second = visit(rotated.get(), first.session.get());
  EXPECT_TRUE(second.resumed);
  // The new ticket is by the new key.
  EXPECT_TRUE(visit(server(keys(key_of(2))).get(), second.session.get()).resumed);
}

TEST_P(Tickets, OfAKeyThatIsGoneAreNot) {
  const Visit first = visit(server(keys(key_of(1))).get());
  EXPECT_FALSE(visit(server(keys(key_of(2), {key_of(3)})).get(), first.session.get()).resumed);
}

TEST_P(Tickets, WithAKeysNameAndAnotherKeyAreNotRead) {
  Bytes same_name = key_of(9);
  std::fill_n(same_name.begin(), TicketKeys::name_size, std::uint8_t{1});
  const Visit first = visit(server(keys(key_of(1))).get());
  EXPECT_FALSE(visit(server(keys(same_name)).get(), first.session.get()).resumed);
}

TEST_P(Tickets, EachConnectionOfTls13GetsANewOne) {
  const auto context = server(keys(key_of(1)));
  Visit at = visit(context.get());
  for (int i = 0; i < 4; ++i) {
    at = visit(context.get(), at.session.get());
    EXPECT_TRUE(at.resumed) << i;
    EXPECT_EQ(SSL_SESSION_is_resumable(at.session.get()), 1);
  }
}

INSTANTIATE_TEST_SUITE_P(Versions, Tickets, testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
                         [](const auto& version) { return version.param == TLS1_2_VERSION ? "tls12" : "tls13"; });

TEST(TicketKeys, OfAnotherSizeAreRefused) {
  EXPECT_FALSE(TicketKeys::make(Bytes(79), {}));
  EXPECT_FALSE(TicketKeys::make(key_of(1), {Bytes(48)}));
}

}  // namespace
}  // namespace tlspool::tls
