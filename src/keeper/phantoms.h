// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <map>

#include "keeper/key_thread.h"
#include "keeper/leases.h"
#include "loop/mailbox.h"
#include "sharedkey/throttle.h"

namespace tlspool::keeper {

/// A TLS session that nobody negotiated: both sides make it out of a secret that they share.
struct PhantomSession {
  Peer peer;
  Bytes id;
  Secret master;
};

/// The phantom sessions of the configuration. Their ids and master secrets are computed once, when their secret can be
/// read; and how soon one is given out again after a failure is kept in a file.
class Phantoms {
 public:
  using FindThread = std::function<KeyThread*(const std::string& token)>;
  using Found = std::function<void(Result<const PhantomSession*>)>;
  Phantoms(Mailbox& mailbox, FindThread find_thread, FindThread find_ready, std::string throttle_file)
      : mailbox_(mailbox), find_thread_(std::move(find_thread)), find_ready_(std::move(find_ready)),
        throttle_file_(std::move(throttle_file)) {}

  void apply(const std::map<std::string, Peer>& peers);
  /// Computes everything anew when it is next asked for.
  void forget();
  /// `found` is called once, on the loop.
  void of_peer(const Peer& peer, Found found);
  void of_id(const Bytes& session_id, Found found);

  /// Seconds to wait before that id may be given out; 0: now.
  [[nodiscard]] std::int64_t wait(const Bytes& session_id);
  /// `saved` is called when the file has it.
  void failed(const Bytes& session_id, std::function<void()> saved);
  void succeeded(const Bytes& session_id, std::function<void()> saved);

 private:
  using Clock = std::chrono::steady_clock;
  struct Wanted {
    Peer peer;
    std::optional<PhantomSession> session;
    Error problem;
    bool asking = false;
    Clock::time_point tried{};
  };
  void make(Wanted& wanted);
  void made(const Peer& peer, std::uint64_t of, Result<PhantomSession> session);
  [[nodiscard]] Result<const PhantomSession*> usable(const Wanted& wanted);
  void serve_waiting();
  void save(std::function<void()> saved);

  Mailbox& mailbox_;
  FindThread find_thread_;
  FindThread find_ready_;
  const std::string throttle_file_;
  std::map<std::string, Wanted> wanted_;        // by the peer's name
  std::map<Bytes, std::string> names_;          // session id -> peer
  std::vector<std::function<bool()>> waiting_;  // true: served
  std::uint64_t setup_ = 0;
  sharedkey::Throttle throttle_;
  Bytes saved_;
  bool loaded_ = false;
};

}  // namespace tlspool::keeper
