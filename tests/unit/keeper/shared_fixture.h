// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "keeper/keeper.h"
#include "softhsm_fixture.h"
#include "store_fixture.h"
#include "wire/key_admin.h"

namespace tlspool::keeper {

using namespace std::chrono_literals;

/// A keeper on a loop of the test's thread; workers, administrators and the fetcher are played by the test.
class SharedKeysTest : public SoftHsm {
 protected:
  /// The other end of one of the keeper's channels.
  struct End {
    std::unique_ptr<Channel> channel;
    std::map<std::uint64_t, Frame> frames;  // by number
    std::vector<std::uint64_t> order;
    std::uint64_t last = 0;
  };

  void TearDown() override {
    ends_.clear();
    keeper_.reset();
    SoftHsm::TearDown();
  }
  [[nodiscard]] static wire::PeerSetup peer(const std::string& name = "b.example") {
    wire::PeerSetup out;
    out.name = name;
    out.address = "hsm.a.example";
    out.store = "hsm." + name;
    out.token = "default";
    out.low_water = 0;
    return out;
  }
  [[nodiscard]] static wire::PeerSetup lasting(const std::string& name = "b.example") {
    wire::PeerSetup out = peer(name);
    out.source = wire::KeySource::psk;
    out.psk = "office";
    return out;
  }
  [[nodiscard]] static wire::PeerSetup session() {
    wire::PeerSetup out = lasting();
    out.use = wire::KeyUse::session;
    out.user = "alice";
    out.suite = "ECDHE-ECDSA-AES128-GCM-SHA256";
    out.tls13 = false;
    return out;
  }
  void start(std::vector<wire::PeerSetup> peers, std::vector<wire::TokenSetup> tokens = {}) {
    if (!keeper_) {
      keeper_ = std::make_unique<Keeper>(loop_, directory_, KeeperOptions{200ms, 2s}, [](wire::Kind, Bytes) {});
    }
    if (tokens.empty()) tokens = {token()};
    keeper_->apply({std::move(tokens), {}, directory_, std::move(peers)});
  }
  End& connect(wire::Kind kind) {
    auto pair = socket_pair(SOCK_STREAM, true);
    EXPECT_TRUE(pair);
    const Bytes body = kind == wire::Kind::key_channel ? wire::encode(wire::KeyChannel{0}) : Bytes{};
    Frame frame{kind, 0, body, {}};
    frame.descriptors.push_back(std::move(pair->first));
    keeper_->take(std::move(frame));
    ends_.push_back(std::make_unique<End>());
    End* end = ends_.back().get();
    end->channel = std::make_unique<Channel>(
        loop_, std::move(pair->second),
        [end](Frame f) {
          end->order.push_back(f.number);
          end->frames[f.number] = std::move(f);
        },
        [] {});
    return *end;
  }
  End& worker() { return connect(wire::Kind::key_channel); }

  void run_until(const std::function<bool()>& done, std::chrono::milliseconds longest = 20s) {
    const auto end = std::chrono::steady_clock::now() + longest;
    while (!done() && std::chrono::steady_clock::now() < end) loop_.turn(5ms);
    EXPECT_TRUE(done());
  }
  /// Until the keeper has dealt with everything that came before.
  void settle_loop() { for (int i = 0; i < 5; ++i) loop_.turn(2ms); }

  std::uint64_t send(End& end, FrameKind kind, Bytes body) {
    end.channel->send(kind, ++end.last, body);
    return end.last;
  }
  std::uint64_t send(End& end, const wire::KeyRequest& request) {
    return send(end, wire::Kind::key_request, wire::encode(request));
  }
  template <class T>
  T answer(End& end, std::uint64_t number) {
    run_until([&] { return end.frames.contains(number); });
    auto out = wire::decode<T>(end.frames[number].body);
    EXPECT_TRUE(out);
    return out ? std::move(*out) : T{};
  }
  wire::KeyAnswer ask(End& end, const wire::KeyRequest& request) { return answer<wire::KeyAnswer>(end, send(end, request)); }
  wire::KeyAnswer take(End& end, const std::string& peer = "b.example", std::uint32_t wait_ms = 0) {
    return ask(end, {wire::KeyOperation::take, peer, {}, {}, false, wait_ms});
  }
  wire::KeyAnswer lease(End& end, Bytes id, const std::string& peer = "b.example") {
    return ask(end, {wire::KeyOperation::lease, peer, std::move(id), {}, false, 0});
  }
  wire::KeySettled settle(End& end, std::uint64_t lease, bool verified) {
    const auto number = send(end, wire::Kind::key_settle, wire::encode(wire::KeySettle{lease, verified}));
    return answer<wire::KeySettled>(end, number);
  }
  /// A request of `tlspool psk` or `tlspool qkd`; the kind of the answer must be `kind`.
  template <class Answer>
  Answer admin(wire::KeyAdminKind request, Bytes body, wire::KeyAdminKind kind) {
    End& end = connect(wire::Kind::key_admin);
    const auto number = send(end, static_cast<std::uint16_t>(request), std::move(body));
    run_until([&] { return end.frames.contains(number); });
    const Frame& frame = end.frames[number];
    if (frame.kind != kind) {
      auto failure = wire::decode<wire::Failure>(frame.body);
      ADD_FAILURE() << (failure ? wire::error_of(*failure).text() : "another kind of answer");
      return {};
    }
    auto out = wire::decode<Answer>(frame.body);
    EXPECT_TRUE(out);
    return out ? std::move(*out) : Answer{};
  }
  std::string refused(wire::KeyAdminKind request, Bytes body) {
    return wire::error_of(admin<wire::Failure>(request, std::move(body), wire::KeyAdminKind::key_failed)).text();
  }
  struct Nothing {
    template <class Io> friend void fields(Io&, Nothing&) {}
  };
  void add_psk(const std::string& name, Bytes key = Bytes(32, 7), bool derived = false) {
    admin<Nothing>(wire::KeyAdminKind::psk_add, wire::encode(wire::PskAdd{name, {}, std::move(key), derived}), wire::KeyAdminKind::done);
  }
  wire::Deposited deposit(std::uint64_t from, std::uint64_t count, std::uint64_t step = 1, const std::string& peer = "b.example") {
    wire::Deposit request{peer, {}};
    for (std::uint64_t n = 0; n < count; ++n) {
      request.keys.push_back({std::to_string(from + n * step), Bytes(32, static_cast<std::uint8_t>(from + n * step))});
    }
    return admin<wire::Deposited>(wire::KeyAdminKind::deposit, wire::encode(request), wire::KeyAdminKind::deposited);
  }
  wire::KeyCount count(const std::string& peer = "b.example") {
    const auto all = admin<wire::KeyCounted>(wire::KeyAdminKind::key_status, {}, wire::KeyAdminKind::key_counted);
    for (const wire::KeyCount& row : all.rows) {
      if (row.peer == peer) return row;
    }
    ADD_FAILURE() << "no row";
    return {};
  }

  Loop loop_;
  std::unique_ptr<Keeper> keeper_;
  std::vector<std::unique_ptr<End>> ends_;
};

}  // namespace tlspool::keeper
