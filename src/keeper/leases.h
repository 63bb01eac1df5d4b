// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "wire/shared_keys.h"

namespace tlspool::keeper {

using Peer = std::shared_ptr<const wire::PeerSetup>;

/// A key that a handshake is using whose end is not known yet. In memory only: what an unfinished handshake leaves is
/// nothing (sharedkey::Ledger, RESERVED).
struct Lease {
  enum class Of { token_key, lasting_key, kme_key, session };
  Of of = Of::token_key;
  std::uint64_t channel = 0;
  Peer peer;
  Bytes id;                                        ///< CKA_ID, or the session id
  std::chrono::steady_clock::time_point until{};
};

/// Who has which key. Pure but for the clock that it is given.
class Leases {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::minutes longest{10};

  /// Keeps the key of this store for one handshake; false where another one has it.
  [[nodiscard]] bool reserve(const std::string& store, const Bytes& id) { return reserved_[store].insert(id).second; }
  void release(const std::string& store, const Bytes& id);
  [[nodiscard]] const std::set<Bytes>& reserved(const std::string& store) const;

  /// The number that key_settle names; never 0.
  [[nodiscard]] std::uint64_t add(Lease lease, Clock::time_point now);
  /// Takes a lease out; only the channel that has it may. Reservations stay until release().
  [[nodiscard]] std::optional<Lease> end(std::uint64_t number, std::uint64_t channel);
  [[nodiscard]] std::vector<Lease> end_channel(std::uint64_t channel);
  [[nodiscard]] std::vector<Lease> end_due(Clock::time_point now);
  [[nodiscard]] std::optional<Clock::time_point> next_due() const;
  /// Leases of one session id just now.
  [[nodiscard]] std::size_t attempts(const Bytes& session_id) const;

 private:
  std::map<std::uint64_t, Lease> leases_;  // by number, and so by time
  std::map<std::string, std::set<Bytes>> reserved_;
  std::uint64_t last_ = 0;
};

/// How often handshakes failed that named a key.
class Failures {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr int most_of_a_key = 10;
  static constexpr int most_a_minute = 30;

  /// More failures within a minute than a peer may have: the rest of that minute nothing is given out for it.
  [[nodiscard]] bool throttled(const std::string& peer, Clock::time_point now) const;
  void of_peer(const std::string& peer, Clock::time_point now);
  enum class Key { may_stay, burn };
  [[nodiscard]] Key of_key(const std::string& store, const Bytes& id);
  void forget(const std::string& store, const Bytes& id) { keys_.erase({store, id}); }

 private:
  struct Minute {
    Clock::time_point start{};
    int failures = 0;
  };
  std::map<std::string, Minute> peers_;
  std::map<std::pair<std::string, Bytes>, int> keys_;
};

}  // namespace tlspool::keeper
