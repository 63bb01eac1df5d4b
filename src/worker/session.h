// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "base/secret.h"
#include "tls/context.h"
#include "transport/stream_pump.h"
#include "wire/json.h"
#include "worker/connection.h"

namespace tlspool::worker {

/// How a session stands, or stood at its end.
struct State {
  transport::StreamPump::Outcome outcome;
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  /// The `SessionState` of io.tlspool.Pool.
  [[nodiscard]] wire::Value value() const;
};

/// One established TLS session: its facts and its pump. Lives as long as its plain side is open.
class Session {
 public:
  using OnEnd = std::function<void(Session&)>;

  Session(Loop& loop, std::string id, std::unique_ptr<Connection> connection, transport::StreamPump::Network network,
          UniqueFd plain, transport::Scratch& scratch, OnEnd on_end);

  [[nodiscard]] const std::string& id() const { return id_; }
  [[nodiscard]] const Connection& connection() const { return *connection_; }
  [[nodiscard]] transport::StreamPump& pump() { return *pump_; }
  [[nodiscard]] bool tls13() const { return tls13_; }
  /// Nobody learns its id, so nobody asks how it has ended.
  void forget_at_end() { forget_at_end_ = true; }
  [[nodiscard]] bool forgotten_at_end() const { return forget_at_end_; }
  /// The pool's identity that the peer was shown; empty: none was.
  [[nodiscard]] std::string shown_identity() const;

  /// The `Session` of io.tlspool.Pool.
  [[nodiscard]] wire::Value facts();
  [[nodiscard]] wire::SessionRow row();
  [[nodiscard]] State state() const;
  /// Milliseconds for which no byte was moved, as far as earlier calls of this could see; `now` is Loop::now().
  [[nodiscard]] std::uint64_t idle_for(std::uint64_t now);
  /// Since it began.
  [[nodiscard]] std::chrono::milliseconds length() const { return std::chrono::milliseconds(loop_.now() - began_); }
  /// RFC 5705, RFC 8446 section 7.5.
  [[nodiscard]] Result<Secret> export_keying_material(const std::string& label, const Bytes* context, std::size_t length);
  /// DER, leaf first, as the peer sent it.
  [[nodiscard]] std::vector<Bytes> peer_certificates();
  [[nodiscard]] Status update_keys(bool request_peer);

 private:
  Loop& loop_;
  std::string id_;
  std::unique_ptr<Connection> connection_;
  bool tls13_;
  bool forget_at_end_ = false;
  std::int64_t started_;
  std::uint64_t began_;  // Loop::now()
  std::uint64_t moved_ = 0;  // bytes, when idle_for() looked
  std::uint64_t moved_at_;   // when it saw that number first
  std::unique_ptr<transport::StreamPump> pump_;
};

}  // namespace tlspool::worker
