// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "base/socket.h"
#include "fake_pool.h"
#include "tlspool/tlspool.h"

namespace tlspool::client {
namespace {

using Asked = FakePool::Asked;

/// A pool that notes what it is asked, whether that fits the interface, and makes this side a `role`.
class NotingPool {
 public:
  explicit NotingPool(const char* role = "server")
      : pool_([this, role](Asked& a) {
          asked_ = a.call.parameters;
          const auto fits = wire::pool_interface().check_call(a.call.method, a.call.parameters);
          if (!fits) wrong_ = fits.error().subject;
          auto pair = socket_pair(SOCK_STREAM, true);
          const int one[] = {pair->second.get()};
          return say(a.connection, wire::reply_text(wire::Value::object().set("session", session_value(role)).set("plaintextFileDescriptor", 0)),
                     one);
        }) {}
  [[nodiscard]] tlspool_options options() const {
    tlspool_options o = TLSPOOL_OPTIONS_INIT;
    o.pool = pool_.directory().c_str();
    return o;
  }
  [[nodiscard]] const wire::Value& asked() const { return asked_; }
  [[nodiscard]] const std::string& wrong() const { return wrong_; }
  [[nodiscard]] int accepted() const { return pool_.accepted(); }

 private:
  wire::Value asked_;
  std::string wrong_;
  FakePool pool_;
};

int socket_to_give() { return socket_pair(SOCK_STREAM, false)->first.release(); }

TEST(Peer, NamesBothIdentitiesAndLearnsWhatItBecame) {
  const NotingPool pool("server");
  auto o = pool.options();
  o.local_identity = "overridden.example";
  o.remote_identity = "overridden.example";
  tlspool_session* session = nullptr;
  tlspool_error error = TLSPOOL_ERROR_INIT;
  const UniqueFd plain{tlspool_starttls_peer(socket_to_give(), "a.example", "b.example", &o, &session, &error)};
  ASSERT_TRUE(plain.valid()) << error.message;
  EXPECT_EQ(pool.wrong(), "");
  EXPECT_EQ(wire::to_json(pool.asked()), R"({"fileDescriptor":0,"role":"peer","localIdentity":"a.example","remoteIdentity":"b.example","deadlineMs":30000})");
  EXPECT_EQ(tlspool_session_role(session), TLSPOOL_SERVER);
  tlspool_session_free(session);
}

TEST(Peer, WithoutIdentitiesTakesThoseOfTheOptions) {
  const NotingPool pool("client");
  auto o = pool.options();
  o.local_identity = "a.example";
  o.remote_identity = "b.example";
  tlspool_session* session = nullptr;
  const UniqueFd plain{tlspool_starttls_peer(socket_to_give(), nullptr, nullptr, &o, &session, nullptr)};
  ASSERT_TRUE(plain.valid());
  EXPECT_EQ(pool.asked().text("localIdentity"), "a.example");
  EXPECT_EQ(pool.asked().text("remoteIdentity"), "b.example");
  EXPECT_EQ(tlspool_session_role(session), TLSPOOL_CLIENT);
  tlspool_session_free(session);
}

TEST(Peer, EachRoleOfTheOtherSideHasItsWord) {
  const std::pair<tlspool_role, const char*> words[] = {{TLSPOOL_CLIENT, "client"}, {TLSPOOL_SERVER, "server"}, {TLSPOOL_PEER, "peer"}};
  for (const auto& [role, word] : words) {
    const NotingPool pool;
    auto o = pool.options();
    o.remote_role = role;
    const UniqueFd plain{tlspool_starttls_peer(socket_to_give(), "a.example", "b.example", &o, nullptr, nullptr)};
    ASSERT_TRUE(plain.valid());
    EXPECT_EQ(pool.wrong(), "");
    EXPECT_EQ(pool.asked().text("remoteRole"), word);
  }
}

TEST(Peer, IsARoleForEventLoopsToo) {
  const NotingPool pool;
  auto o = pool.options();
  o.local_identity = "a.example";
  o.remote_identity = "b.example";
  tlspool_start* start = tlspool_start_begin(socket_to_give(), TLSPOOL_PEER, &o, nullptr);
  ASSERT_NE(start, nullptr);
  int result;
  while ((result = tlspool_start_continue(start, nullptr, nullptr)) == TLSPOOL_AGAIN) {
    pollfd waiting{tlspool_start_fd(start), tlspool_start_events(start), 0};
    poll(&waiting, 1, tlspool_start_timeout(start));
  }
  const UniqueFd plain{result};
  EXPECT_TRUE(plain.valid());
  EXPECT_EQ(pool.asked().text("role"), "peer");
}

TEST(Peer, DelayOfTheHelloIsSentWhereItIsGivenAndMinusOneIsNone) {
  const std::pair<int, std::int64_t> delays[] = {{0, -5}, {-1, 0}, {1, 1}, {600'000, 600'000}};
  for (const auto& [given, sent] : delays) {
    const NotingPool pool;
    auto o = pool.options();
    o.hello_delay_ms = given;
    const UniqueFd plain{tlspool_starttls_peer(socket_to_give(), "a.example", "b.example", &o, nullptr, nullptr)};
    ASSERT_TRUE(plain.valid());
    EXPECT_EQ(pool.wrong(), "");
    EXPECT_EQ(pool.asked().number("helloDelayMs", -5), sent);
  }
}

TEST(Peer, ValuesThatThereAreNotAreRefusedBeforeAnythingIsSent) {
  const NotingPool pool;
  auto pair = socket_pair(SOCK_STREAM, false);
  const auto refused = [&](const tlspool_options& o) {
    tlspool_error error = TLSPOOL_ERROR_INIT;
    EXPECT_EQ(tlspool_starttls_peer(pair->first.get(), "a.example", "b.example", &o, nullptr, &error), -1);
    EXPECT_EQ(error.reason, TLSPOOL_REASON_PARAMETER);
    EXPECT_EQ(error.socket_usable, 1);
  };
  auto o = pool.options();
  o.hello_delay_ms = 600'001;
  refused(o);
  o.hello_delay_ms = -2;
  refused(o);
  o = pool.options();
  const int no_role = 4;
  memcpy(&o.remote_role, &no_role, sizeof no_role);  // as a C program could
  refused(o);
  tlspool_error error = TLSPOOL_ERROR_INIT;
  EXPECT_EQ(tlspool_start_begin(pair->first.get(), TLSPOOL_ROLE_DEFAULT, nullptr, &error), nullptr);
  EXPECT_EQ(error.reason, TLSPOOL_REASON_PARAMETER);
  EXPECT_EQ(pool.accepted(), 0);
}

TEST(Peer, TwoStrictSidesOfOneKindAreRefusedByName) {
  const NotingPool pool;
  auto pair = socket_pair(SOCK_STREAM, false);
  auto o = pool.options();
  tlspool_error error = TLSPOOL_ERROR_INIT;
  o.remote_role = TLSPOOL_CLIENT;
  EXPECT_EQ(tlspool_starttls_client(pair->first.get(), "b.example", &o, nullptr, &error), -1);
  EXPECT_NE(std::string(error.message).find("both sides would be TLS clients"), std::string::npos);
  o.remote_role = TLSPOOL_SERVER;
  EXPECT_EQ(tlspool_start_begin(pair->first.get(), TLSPOOL_SERVER, &o, &error), nullptr);
  EXPECT_NE(std::string(error.message).find("both sides would be TLS servers"), std::string::npos);
  EXPECT_EQ(error.socket_usable, 1);
  EXPECT_EQ(pool.accepted(), 0);
}

TEST(Peer, OptionsOfAProgramThatWasBuiltBeforeThereWereAnyAreNotRead) {
  const NotingPool pool("client");
  auto o = pool.options();
  o.size = 88;  // of the second version on 64-bit machines, whose last 4 bytes were padding
  static_assert(offsetof(tlspool_options, reserved_too) == 84 && offsetof(tlspool_options, remote_role) == 88);
  o.reserved_too = 1;
  o.remote_role = TLSPOOL_CLIENT;  // beyond what the program has
  o.hello_delay_ms = 700'000;
  const UniqueFd plain{tlspool_starttls_client(socket_to_give(), "www.example.org", &o, nullptr, nullptr)};
  ASSERT_TRUE(plain.valid());
  EXPECT_EQ(pool.asked().find("remoteRole"), nullptr);
  EXPECT_EQ(pool.asked().find("helloDelayMs"), nullptr);
}

}  // namespace
}  // namespace tlspool::client
