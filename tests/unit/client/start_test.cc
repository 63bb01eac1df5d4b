// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <csignal>

#include "fake_pool.h"
#include "tlspool/tlspool.h"

namespace tlspool::client {
namespace {

using Asked = FakePool::Asked;

bool start_ok(Asked& a) {
  auto pair = socket_pair(SOCK_STREAM, true);
  const int one[] = {pair->second.get()};
  auto p = wire::Value::object().set("session", session_value());
  if (a.call.parameters.find("plaintextFileDescriptor") != nullptr) {
    return a.descriptors.size() == 2 && say(a.connection, wire::reply_text(p));
  }
  (void)!write(pair->first.get(), "hello", 5);
  return say(a.connection, wire::reply_text(p.set("plaintextFileDescriptor", 0)), one);
}

struct Given {
  UniqueFd near;
  UniqueFd far;
  Given() {
    auto pair = socket_pair(SOCK_STREAM, false);
    near = std::move(pair->first);
    far = std::move(pair->second);
  }
};

tlspool_options options_for(const FakePool& pool) {
  tlspool_options o = TLSPOOL_OPTIONS_INIT;
  o.pool = pool.directory().c_str();
  return o;
}

TEST(Start, ClientGetsThePlaintextSideAndTheFacts) {
  FakePool pool(start_ok);
  Given given;
  const auto o = options_for(pool);
  tlspool_session* session = nullptr;
  tlspool_error error = TLSPOOL_ERROR_INIT;
  const int fd = given.near.release();
  const UniqueFd plain{tlspool_starttls_client(fd, "www.example.org", &o, &session, &error)};
  ASSERT_TRUE(plain.valid()) << error.message;
  EXPECT_TRUE(fd == plain.get() || fcntl(fd, F_GETFD) == -1);
  EXPECT_EQ(fcntl(plain.get(), F_GETFD), FD_CLOEXEC);
  EXPECT_EQ(fcntl(plain.get(), F_GETFL) & O_NONBLOCK, 0);
  char text[8];
  EXPECT_EQ(read(plain.get(), text, sizeof text), 5);
  EXPECT_STREQ(tlspool_session_id(session), "00112233445566778899aabbccddeeff");
  EXPECT_EQ(tlspool_session_role(session), TLSPOOL_CLIENT);
  EXPECT_STREQ(tlspool_session_remote_identity(session), "www.example.org");
  EXPECT_EQ(tlspool_session_local_identity(session), nullptr);
  EXPECT_STREQ(tlspool_session_remote_names(session)[1], "example.org");
  EXPECT_EQ(tlspool_session_remote_names(session)[2], nullptr);
  EXPECT_EQ(tlspool_session_version(session), TLSPOOL_TLS13);
  EXPECT_STREQ(tlspool_session_cipher_suite(session), "TLS_AES_128_GCM_SHA256");
  EXPECT_STREQ(tlspool_session_group(session), "x25519");
  EXPECT_STREQ(tlspool_session_signature_algorithm(session), "ecdsa_secp256r1_sha256");
  EXPECT_STREQ(tlspool_session_verified_by(session), "chain");
  EXPECT_EQ(tlspool_session_alpn(session), nullptr);
  EXPECT_EQ(tlspool_session_resumed(session), 0);
  tlspool_session_free(session);
}

TEST(Start, OptionsBecomeParametersThatFitTheInterface) {
  wire::Value seen;
  std::string wrong = "never asked";
  FakePool pool([&](Asked& a) {
    seen = a.call.parameters;
    const auto fits = wire::pool_interface().check_call(a.call.method, a.call.parameters);
    wrong = fits ? "" : fits.error().subject;
    return start_ok(a);
  });
  Given given;
  auto o = options_for(pool);
  const char* const protocols[] = {"h2", "http/1.1", nullptr};
  o.local_identity = "me.example";
  o.remote_identity = "overridden.example";
  o.remote_proof = TLSPOOL_PROOF_REQUIRED;
  o.server_name = "sni.example";
  o.alpn = protocols;
  o.service = "http";
  o.minimum_version = TLSPOOL_TLS13;
  o.deadline_ms = 1234;
  o.require_shared_key = 1;
  const UniqueFd plain{tlspool_starttls_client(given.near.release(), "www.example.org", &o, nullptr, nullptr)};
  ASSERT_TRUE(plain.valid());
  EXPECT_EQ(wrong, "");
  EXPECT_EQ(wire::to_json(seen),
            R"({"fileDescriptor":0,"role":"client","localIdentity":"me.example","remoteIdentity":"www.example.org",)"
            R"("remoteProof":"required","sendServerName":"sni.example","alpn":["h2","http/1.1"],"service":"http",)"
            R"("minimumVersion":"tls13","deadlineMs":1234,"requireSharedKey":true})");
}

TEST(Start, GivenPlaintextSideIsHandedOverAndClosed) {
  FakePool pool(start_ok);
  Given given;
  Given plain;
  auto o = options_for(pool);
  o.plaintext_fd = plain.near.release();
  const int fd = given.near.release();
  EXPECT_EQ(tlspool_starttls_server(fd, nullptr, &o, nullptr, nullptr), 0);
  EXPECT_EQ(fcntl(fd, F_GETFD), -1);
  EXPECT_EQ(fcntl(o.plaintext_fd, F_GETFD), -1);
}

TEST(Start, FailedHandshakeSaysWhyAndLeavesTheSocket) {
  FakePool pool([](Asked& a) {
    return say(a.connection, wire::error_text("io.tlspool.Pool.HandshakeFailed", wire::Value::object()
                                                  .set("reason", "certificate")
                                                  .set("message", std::string(2000, 'm'))
                                                  .set("check", "name")
                                                  .set("certificate", "CN=other")
                                                  .set("alertSent", "bad_certificate")
                                                  .set("socketUsable", false)));
  });
  Given given;
  const auto o = options_for(pool);
  tlspool_error error = TLSPOOL_ERROR_INIT;
  auto* session = reinterpret_cast<tlspool_session*>(&error);
  EXPECT_EQ(tlspool_starttls_client(given.near.get(), "www.example.org", &o, &session, &error), -1);
  EXPECT_EQ(errno, EKEYREJECTED);
  EXPECT_EQ(session, nullptr);
  EXPECT_EQ(error.reason, TLSPOOL_REASON_CERTIFICATE);
  EXPECT_STREQ(error.check, "name");
  EXPECT_STREQ(error.certificate, "CN=other");
  EXPECT_STREQ(error.alert_sent, "bad_certificate");
  EXPECT_STREQ(error.alert_received, "");
  EXPECT_EQ(strlen(error.message), sizeof error.message - 1);
  EXPECT_EQ(error.socket_usable, 0);
  EXPECT_GE(fcntl(given.near.get(), F_GETFD), 0);
}

TEST(Start, RefusalsLeaveTheSocketUsable) {
  const std::pair<const char*, int> refusals[] = {
      {"io.tlspool.Pool.IdentityRefused", EACCES}, {"io.tlspool.Pool.BadDescriptor", EBADF},
      {"io.tlspool.Pool.LimitReached", EBUSY},     {"org.varlink.service.InvalidParameter", EINVAL}};
  for (const auto& [name, number] : refusals) {
    FakePool pool([name = name](Asked& a) { return say(a.connection, wire::error_text(name)); });
    Given given;
    const auto o = options_for(pool);
    tlspool_error error = TLSPOOL_ERROR_INIT;
    EXPECT_EQ(tlspool_starttls_server(given.near.get(), nullptr, &o, nullptr, &error), -1);
    EXPECT_EQ(error.number, number);
    EXPECT_EQ(error.socket_usable, 1) << name;
  }
}

TEST(Start, NoPoolIsAClearErrorAndNeverPlainText) {
  Given given;
  tlspool_options o = TLSPOOL_OPTIONS_INIT;
  o.pool = "/nonexistent/pool";
  tlspool_error error = TLSPOOL_ERROR_INIT;
  EXPECT_EQ(tlspool_starttls_client(given.near.get(), "a.example", &o, nullptr, &error), -1);
  EXPECT_EQ(errno, ENOENT);
  EXPECT_EQ(error.reason, TLSPOOL_REASON_NO_POOL);
  EXPECT_EQ(error.socket_usable, 1);
  EXPECT_NE(std::string(error.message).find("tlspoold --pool /nonexistent/pool"), std::string::npos);
}

TEST(Start, PoolThatDiesMidHandshakeLeavesNoUsableSocket) {
  FakePool pool([](Asked&) { return false; });
  Given given;
  const auto o = options_for(pool);
  tlspool_error error = TLSPOOL_ERROR_INIT;
  EXPECT_EQ(tlspool_starttls_client(given.near.get(), "a.example", &o, nullptr, &error), -1);
  EXPECT_EQ(error.reason, TLSPOOL_REASON_NO_POOL);
  EXPECT_EQ(error.socket_usable, 0);
}

TEST(Start, AnswerWithoutDescriptorOrFactsIsRefused) {
  for (const auto& parameters :
       {wire::Value::object(), wire::Value::object().set("session", session_value()),
        wire::Value::object().set("session", session_value()).set("plaintextFileDescriptor", 5),
        wire::Value::object().set("session", session_value()).set("plaintextFileDescriptor", -3),
        wire::Value::object().set("plaintextFileDescriptor", 0),
        wire::Value::object()
            .set("plaintextFileDescriptor", 0)
            .set("session", session_value().set("remoteIdentity", std::string("good.example\0.evil", 18)))}) {
    FakePool pool([&](Asked& a) {
      const int one[] = {0};
      return say(a.connection, wire::reply_text(parameters), one);
    });
    Given given;
    const auto o = options_for(pool);
    EXPECT_EQ(tlspool_starttls_client(given.near.get(), "a.example", &o, nullptr, nullptr), -1);
    EXPECT_EQ(errno, EBADMSG) << wire::to_json(parameters);
  }
}

TEST(Start, WrongArgumentsAreRefusedBeforeAnythingIsSent) {
  FakePool pool(start_ok);
  Given given;
  tlspool_error error = TLSPOOL_ERROR_INIT;
  auto o = options_for(pool);
  EXPECT_EQ(tlspool_starttls_client(-1, "a.example", &o, nullptr, &error), -1);
  EXPECT_EQ(error.reason, TLSPOOL_REASON_DESCRIPTOR);
  o.deadline_ms = 600'001;
  EXPECT_EQ(tlspool_starttls_client(given.near.get(), "a.example", &o, nullptr, &error), -1);
  EXPECT_EQ(error.reason, TLSPOOL_REASON_PARAMETER);
  o = options_for(pool);
  o.size = 0;
  EXPECT_EQ(tlspool_starttls_client(given.near.get(), "a.example", &o, nullptr, &error), -1);
  EXPECT_EQ(errno, EINVAL);
  EXPECT_EQ(pool.accepted(), 0);
}

TEST(Start, SmallerStructsOfOlderCallersAreRespected) {
  Given given;
  tlspool_options o = TLSPOOL_OPTIONS_INIT;
  o.pool = "/nonexistent/pool";
  o.size = offsetof(tlspool_options, local_identity);
  o.deadline_ms = -77;  // beyond what this caller knows: not looked at
  tlspool_error error = TLSPOOL_ERROR_INIT;
  memset(&error, 0x5A, sizeof error);
  error.size = offsetof(tlspool_error, message);
  EXPECT_EQ(tlspool_starttls_client(given.near.get(), "a.example", &o, nullptr, &error), -1);
  EXPECT_EQ(error.reason, TLSPOOL_REASON_NO_POOL);
  EXPECT_EQ(error.size, offsetof(tlspool_error, message));
  EXPECT_EQ(error.message[0], 0x5A);
}

TEST(Start, EventLoopForm) {
  FakePool pool([](Asked& a) {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    return start_ok(a);
  });
  Given given;
  auto o = options_for(pool);
  o.remote_identity = "www.example.org";
  tlspool_error error = TLSPOOL_ERROR_INIT;
  tlspool_start* start = tlspool_start_begin(given.near.get(), TLSPOOL_CLIENT, &o, &error);
  ASSERT_NE(start, nullptr) << error.message;
  tlspool_session* session = nullptr;
  int result;
  int rounds = 0;
  while ((result = tlspool_start_continue(start, &session, &error)) == TLSPOOL_AGAIN) {
    EXPECT_EQ(tlspool_start_events(start), POLLIN);
    EXPECT_GT(tlspool_start_timeout(start), 30'000);
    pollfd waiting{tlspool_start_fd(start), tlspool_start_events(start), 0};
    poll(&waiting, 1, tlspool_start_timeout(start));
    ++rounds;
  }
  ASSERT_GE(result, 0) << error.message;
  EXPECT_LE(rounds, 3);
  (void)given.near.release();
  EXPECT_STREQ(tlspool_session_verified_by(session), "chain");
  tlspool_session_free(session);
  close(result);
}

TEST(Start, CancelledStartClosesNothingOfTheCaller) {
  FakePool pool([](Asked&) { return true; });
  Given given;
  const auto o = options_for(pool);
  const int before = open_descriptors();
  tlspool_start* start = tlspool_start_begin(given.near.get(), TLSPOOL_SERVER, &o, nullptr);
  ASSERT_NE(start, nullptr);
  EXPECT_EQ(tlspool_start_continue(start, nullptr, nullptr), TLSPOOL_AGAIN);
  tlspool_start_cancel(start);
  tlspool_start_cancel(nullptr);
  EXPECT_LE(open_descriptors(), before + 1);  // the fake pool's accepted end may still be open
  EXPECT_GE(fcntl(given.near.get(), F_GETFD), 0);
}

TEST(Questions, AreAskedWithTheSessionsId) {
  FakePool pool([](Asked& a) {
    const std::string& m = a.call.method;
    if (m == "StartTLS") return start_ok(a);
    const auto fits = wire::pool_interface().check_call(m, a.call.parameters);
    EXPECT_TRUE(fits) << m << " " << fits.error().text();
    EXPECT_EQ(a.call.parameters.text("session"), "00112233445566778899aabbccddeeff");
    auto p = wire::Value::object();
    if (m == "GetSession") {
      p.set("state", wire::Value::object().set("state", "truncated").set("detail", "why").set("bytesSent", 7).set("bytesReceived", 1LL << 40));
    } else if (m == "ExportKeyingMaterial") {
      EXPECT_EQ(a.call.parameters.text("context", "none"), "");
      p.set("keyingMaterial", "AQID");
    } else if (m == "ChannelBinding") {
      p.set("tlsExporter", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    } else if (m == "PeerCertificates") {
      p.set("certificates", wire::Value::array().push("AQID").push("BA=="));
    } else {
      EXPECT_TRUE(a.call.parameters.flag("requestPeer"));
      return say(a.connection, wire::error_text("io.tlspool.Pool.SessionUnfit", wire::Value::object().set("message", "TLS 1.2")));
    }
    return say(a.connection, wire::reply_text(p));
  });
  Given given;
  const auto o = options_for(pool);
  tlspool_session* session = nullptr;
  const UniqueFd plain{tlspool_starttls_server(given.near.release(), nullptr, &o, &session, nullptr)};
  ASSERT_NE(session, nullptr);
  tlspool_error error = TLSPOOL_ERROR_INIT;
  tlspool_state state = TLSPOOL_STATE_INIT;
  ASSERT_EQ(tlspool_session_state(session, &state, &error), 0) << error.message;
  EXPECT_EQ(state.ending, TLSPOOL_TRUNCATED);
  EXPECT_STREQ(state.detail, "why");
  EXPECT_EQ(state.bytes_received, 1ULL << 40);
  unsigned char out[32] = {};
  ASSERT_EQ(tlspool_export_keying_material(session, "EXPORTER-x", "", 0, out, 3, &error), 0) << error.message;
  EXPECT_EQ(out[2], 3);
  EXPECT_EQ(tlspool_export_keying_material(session, "EXPORTER-x", "", 0, out, 4, &error), -1);
  EXPECT_EQ(tlspool_export_keying_material(session, "EXPORTER-x", "", 0, out, 0, &error), -1);
  EXPECT_EQ(error.reason, TLSPOOL_REASON_PARAMETER);
  EXPECT_EQ(tlspool_channel_binding(session, out, &error), 0) << error.message;
  tlspool_certificates* certificates = nullptr;
  ASSERT_EQ(tlspool_peer_certificates(session, &certificates, &error), 2) << error.message;
  size_t size = 0;
  ASSERT_NE(tlspool_certificate_der(certificates, 1, &size), nullptr);
  EXPECT_EQ(size, 1U);
  EXPECT_EQ(tlspool_certificate_der(certificates, 2, &size), nullptr);
  tlspool_certificates_free(certificates);
  EXPECT_EQ(tlspool_update_keys(session, TLSPOOL_UPDATE_BOTH, &error), -1);
  EXPECT_EQ(error.reason, TLSPOOL_REASON_SESSION_UNFIT);
  EXPECT_STREQ(error.message, "TLS 1.2");
  tlspool_session_free(session);
}

}  // namespace
}  // namespace tlspool::client
