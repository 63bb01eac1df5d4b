// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <csignal>

#include "wire/varlink.h"
#include "worker/worker.h"

using namespace tlspool;
using namespace tlspool::worker;

namespace {

// A worker with one control connection of the pool's own fetcher, and no [[allow]] at all.
struct FetcherControl : ::testing::Test {
  Loop loop;
  std::pair<UniqueFd, UniqueFd> supervisor = *socket_pair(SOCK_STREAM, true);
  std::pair<UniqueFd, UniqueFd> control = *socket_pair(SOCK_STREAM, true);
  Worker worker{loop, std::move(supervisor.first)};

  void SetUp() override {
    std::signal(SIGPIPE, SIG_IGN);
    wire::WorkerSetup setup;
    setup.ticket_key.assign(80, 1);
    setup.fetcher_identities = {"sae-a.example"};
    wire::PeerSetup peer;
    peer.name = "kme.example";
    setup.peers.push_back(peer);
    worker.frame({wire::Kind::worker_setup, 0, wire::encode(setup), {}});
    Frame handed{wire::Kind::fetcher_control, 0, {}, {}};
    handed.descriptors.push_back(std::move(control.first));
    worker.frame(std::move(handed));
  }
  // The error that a call ends with, or what it answered.
  std::string answer_to(const std::string& method, wire::Value parameters, const std::vector<int>& descriptors = {}) {
    const std::string call = wire::call_text("io.tlspool.Pool." + method, std::move(parameters));
    EXPECT_TRUE(transmit(control.second.get(), view(call), descriptors));
    std::string text(65536, '\0');
    for (int i = 0; i < 500; ++i) {
      loop.turn(std::chrono::milliseconds{10});
      const ssize_t n = recv(control.second.get(), text.data(), text.size(), MSG_DONTWAIT);
      if (n > 0) return text.substr(0, static_cast<std::size_t>(n));
    }
    return "no answer";
  }
  std::string start(const std::string& role, const std::string& identity) {
    auto pair = socket_pair(SOCK_STREAM, true);
    far = std::move(pair->second);
    auto parameters = wire::Value::object().set("fileDescriptor", 0).set("role", role).set("deadlineMs", 50);
    if (role == "client") parameters.set("remoteIdentity", "kme.example");
    if (!identity.empty()) parameters.set("localIdentity", identity);
    return answer_to("StartTLS", std::move(parameters), {pair->first.get()});
  }
  UniqueFd far;
};

TEST_F(FetcherControl, MayStartTlsAsAClientWithItsIdentity) {
  // The identity has no certificate here, so the handshake is the client's and ends with its deadline; a shared key, for
  // which there is a peer of this name, is not even looked for.
  const std::string answer = start("client", "sae-a.example");
  EXPECT_NE(answer.find("\"timeout\""), std::string::npos) << answer;
  EXPECT_NE(answer.find("waiting for the peer"), std::string::npos) << answer;
}

TEST_F(FetcherControl, MayUseNoOtherIdentityAndNoOtherRole) {
  EXPECT_NE(start("client", "other.example").find("IdentityRefused"), std::string::npos);
  EXPECT_NE(start("client", "").find("IdentityRefused"), std::string::npos);
  EXPECT_NE(start("server", "sae-a.example").find("IdentityRefused"), std::string::npos);
}

TEST_F(FetcherControl, MayCallNothingElse) {
  EXPECT_NE(answer_to("ListIdentities", wire::Value::object()).find("PermissionDenied"), std::string::npos);
  EXPECT_NE(answer_to("GetSession", wire::Value::object().set("session", "00")).find("PermissionDenied"), std::string::npos);
}

}  // namespace
