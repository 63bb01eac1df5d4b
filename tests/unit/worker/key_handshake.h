// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <gtest/gtest.h>

#include <csignal>
#include <memory>
#include <optional>

#include "../turn_until.h"
#include "played_keeper.h"
#include "worker/handshake.h"
#include "worker/session.h"

// Handshakes of the worker, of both roles, in one loop, with keepers that the test plays.
namespace tlspool::worker {

inline constexpr const char* identity_of_a = "pkcs:object=hsm.a.example;id=5678";

/// The [[peer]] as the site "a.example" (client) has it; site_b() is the other site's view.
inline wire::PeerSetup site_a() {
  wire::PeerSetup p;
  p.name = "b.example";
  p.address = "hsm.a.example";
  p.store = "hsm.b.example";
  return p;
}
inline wire::PeerSetup site_b(wire::PeerSetup p = site_a()) {
  p.name = "a.example";
  std::swap(p.address, p.store);
  return p;
}

/// One side: its policy, its links, and a handshake.
struct Side {
  explicit Side(Loop& on) : loop(on) {}
  Loop& loop;
  KeeperLink sign{loop};
  KeyLink keys{loop};
  JudgeLink judge{loop};
  ClientSessions sessions;
  Staples staples;
  Agents agents;
  PlayedKeeper keeper{loop, keys};
  std::unique_ptr<Handshake> handshake;
  bool done = false;
  std::optional<HandshakeFailure> failure;

  void start(std::vector<wire::PeerSetup> peers, StartRequest request, UniqueFd socket) {
    wire::WorkerSetup setup;
    setup.ticket_key.assign(80, 7);
    setup.peers = std::move(peers);
    setup.rules.push_back({{getuid()}, {}, {}, {"*"}, 3});
    auto connection = std::make_unique<Connection>(std::make_shared<const StartRequest>(std::move(request)));
    connection->policy = *Policy::make(std::move(setup));
    connection->local_identity = connection->request.local_identity;
    connection->caller.credentials.uid = getuid();
    handshake = std::make_unique<Handshake>(Services{loop, sign, keys, judge, sessions, staples, agents}, std::move(connection), std::move(socket),
                                            [this](const HandshakeFailure* f) {
                                              done = true;
                                              if (f != nullptr) failure = *f;
                                            });
    handshake->start();
  }
  [[nodiscard]] Connection& connection() { return handshake->connection(); }
  [[nodiscard]] std::string message() const { return failure ? failure->reason + ": " + failure->message : "no failure"; }
};

inline StartRequest client_request() {
  StartRequest r;
  r.remote_identity = "b.example";
  r.server_name = "b.example";
  r.deadline = std::chrono::milliseconds{20000};
  return r;
}
inline StartRequest server_request() {
  StartRequest r;
  r.roles = wire::role_server;
  r.proof = Proof::none;
  r.deadline = std::chrono::milliseconds{20000};
  return r;
}

/// Both sites' keepers have the same key.
inline wire::KeyAnswer key_answer(const wire::KeyRequest& request) {
  wire::KeyAnswer a;
  a.peer = request.peer;
  a.secret = Bytes(32, 0x42);
  a.key_id = "5678";
  a.left = 41;
  switch (request.operation) {
    case wire::KeyOperation::take: a.identity = copy_of(view(identity_of_a)); break;
    case wire::KeyOperation::lease: a.lease = 99; break;
    case wire::KeyOperation::seed_server:
      a.lease = 98;
      a.peer = "a.example";
      [[fallthrough]];
    case wire::KeyOperation::seed_client:
      a.secret = Bytes(48, 0x24);
      a.session_id = Bytes(32, 0x11);
      break;
  }
  return a;
}

class KeyHandshake : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    std::signal(SIGPIPE, SIG_IGN);  // as the worker's main() does
    static const bool once = (Handshake::reserve_jobs(16), true);
    ASSERT_TRUE(once);
  }

  template <class Condition> void until(Condition condition) {
    ASSERT_TRUE(test::turn_until(loop, condition));
  }
  void run(std::vector<wire::PeerSetup> of_client, std::vector<wire::PeerSetup> of_server) {
    auto pair = socket_pair(SOCK_STREAM, true);
    server.start(std::move(of_server), as_server, std::move(pair->second));
    client.start(std::move(of_client), as_client, std::move(pair->first));
    until([&] {
      // A side that failed closes, as its worker does.
      if (client.failure && client.handshake) client.handshake.reset();
      if (server.failure && server.handshake) server.handshake.reset();
      return client.done && server.done;
    });
  }
  void run(const wire::PeerSetup& peer) { run({peer}, {site_b(peer)}); }
  void expect_success() {
    ASSERT_FALSE(client.failure) << client.message() << " / " << server.message();
    ASSERT_FALSE(server.failure) << server.message();
  }

  Loop loop;
  Side client{loop};
  Side server{loop};
  StartRequest as_client = client_request();
  StartRequest as_server = server_request();
};

}  // namespace tlspool::worker
