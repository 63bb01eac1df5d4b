// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "base/socket.h"
#include "fake_pool.h"
#include "tlspool/tlspool.h"

namespace tlspool::client {
namespace {

using Asked = FakePool::Asked;

/// Starts against a pool whose answer has `shared_key`, and looks at the session.
template <class Look> void look_at(wire::Value shared_key, Look look) {
  FakePool pool([&](Asked& a) {
    auto pair = socket_pair(SOCK_STREAM, true);
    const int one[] = {pair->second.get()};
    auto session = session_value();
    session.set("sharedKey", shared_key);
    return say(a.connection, wire::reply_text(wire::Value::object().set("session", session).set("plaintextFileDescriptor", 0)), one);
  });
  auto pair = socket_pair(SOCK_STREAM, false);
  tlspool_options o = TLSPOOL_OPTIONS_INIT;
  o.pool = pool.directory().c_str();
  tlspool_session* session = nullptr;
  const UniqueFd plain{tlspool_starttls_client(pair->first.release(), "www.example.org", &o, &session, nullptr)};
  look(plain.valid() ? session : nullptr);
  tlspool_session_free(session);
}

wire::Value key() { return wire::Value::object().set("store", "hsm.b.example").set("keyId", "5678").set("forwardSecrecy", true); }

TEST(SharedKey, IsAmongTheFacts) {
  look_at(key().set("keysLeft", 41), [](const tlspool_session* s) {
    ASSERT_NE(s, nullptr);
    EXPECT_STREQ(tlspool_session_key_store(s), "hsm.b.example");
    EXPECT_STREQ(tlspool_session_key_id(s), "5678");
    EXPECT_EQ(tlspool_session_key_forward_secrecy(s), 1);
    EXPECT_EQ(tlspool_session_keys_left(s), 41);
  });
}

TEST(SharedKey, ThatLastsHasNoCount) {
  look_at(key().set("forwardSecrecy", false).set("keysLeft", nullptr), [](const tlspool_session* s) {
    ASSERT_NE(s, nullptr);
    EXPECT_EQ(tlspool_session_key_forward_secrecy(s), 0);
    EXPECT_EQ(tlspool_session_keys_left(s), -1);
  });
}

TEST(SharedKey, IsAbsentWhereNoneProtects) {
  look_at(nullptr, [](const tlspool_session* s) {
    ASSERT_NE(s, nullptr);
    EXPECT_EQ(tlspool_session_key_store(s), nullptr);
    EXPECT_EQ(tlspool_session_key_id(s), nullptr);
    EXPECT_EQ(tlspool_session_keys_left(s), -1);
  });
}

TEST(SharedKey, WithoutItsStoreIsNotUnderstood) {
  look_at(wire::Value::object().set("keyId", "5678").set("forwardSecrecy", true), [](const tlspool_session* s) { EXPECT_EQ(s, nullptr); });
}

TEST(SharedKey, ThatCouldNotBeUsedHasAReasonOfItsOwn) {
  FakePool pool([](Asked& a) {
    return say(a.connection, wire::error_text("io.tlspool.Pool.HandshakeFailed", wire::Value::object()
                                                  .set("reason", "sharedKey")
                                                  .set("message", "shared key: store=hsm.b.example: no key is left")
                                                  .set("socketUsable", true)));
  });
  auto pair = socket_pair(SOCK_STREAM, false);
  tlspool_options o = TLSPOOL_OPTIONS_INIT;
  o.pool = pool.directory().c_str();
  tlspool_error error = TLSPOOL_ERROR_INIT;
  EXPECT_EQ(tlspool_starttls_client(pair->first.get(), "www.example.org", &o, nullptr, &error), -1);
  EXPECT_EQ(error.reason, TLSPOOL_REASON_SHARED_KEY);
  EXPECT_EQ(error.number, ENOKEY);
  EXPECT_EQ(error.socket_usable, 1);
}

TEST(SharedKey, IsRequiredByOneAndNothingElse) {
  tlspool_options o = TLSPOOL_OPTIONS_INIT;
  o.require_shared_key = 2;
  tlspool_error error = TLSPOOL_ERROR_INIT;
  auto pair = socket_pair(SOCK_STREAM, false);
  EXPECT_EQ(tlspool_starttls_client(pair->first.get(), "www.example.org", &o, nullptr, &error), -1);
  EXPECT_EQ(error.reason, TLSPOOL_REASON_PARAMETER);
}

TEST(SharedKey, OfAProgramThatWasBuiltBeforeThereWereAnyIsNotRequired) {
  FakePool pool([](Asked& a) {
    EXPECT_EQ(a.call.parameters.find("requireSharedKey"), nullptr);
    return say(a.connection, wire::error_text("io.tlspool.Pool.LimitReached", wire::Value::object().set("message", "full")));
  });
  tlspool_options o = TLSPOOL_OPTIONS_INIT;
  o.size = 80;  // of the first version on 64-bit machines, whose last 4 bytes were padding
  static_assert(offsetof(tlspool_options, reserved) == 76 && offsetof(tlspool_options, require_shared_key) == 80);
  o.reserved = 1;
  o.require_shared_key = 1;  // beyond what the program has
  o.pool = pool.directory().c_str();
  auto pair = socket_pair(SOCK_STREAM, false);
  EXPECT_EQ(tlspool_starttls_client(pair->first.get(), "www.example.org", &o, nullptr, nullptr), -1);
  EXPECT_EQ(errno, EBUSY);
}

}  // namespace
}  // namespace tlspool::client
