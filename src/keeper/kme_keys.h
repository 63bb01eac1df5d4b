// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <deque>
#include <set>

#include "base/secret.h"
#include "keeper/fetcher_link.h"
#include "keeper/leases.h"

namespace tlspool::keeper {

/// Why there is no key.
struct KeyRefusal {
  wire::KeyProblem problem = wire::KeyProblem::failed;
  Error error;
};

/// Keys that are asked for when they are needed, from a key management entity. It gives each out once to each side, so a
/// key that a peer named is kept here until its handshake has succeeded, and is never asked for again.
class KmeKeys {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::minutes longest{10};
  struct Key {
    Bytes id;
    Secret secret;
  };
  using Done = std::function<void(tl::expected<Key, KeyRefusal>)>;
  /// `lost` is called with store and id of each key that nobody may get any more: it wants a tombstone.
  using Lost = std::function<void(const std::string& store, const Bytes& id)>;
  KmeKeys(Loop& loop, FetcherLink& fetcher, Lost lost) : fetcher_(fetcher), lost_(std::move(lost)), timer_(loop) {}

  /// A new key for a connection in which we are the client.
  void take(const Peer& peer, Done done);
  /// The key that the peer named; a copy is kept.
  void lease(const Peer& peer, const Bytes& id, Done done);
  /// The key was consumed or burned: wiped.
  void forget(const std::string& store, const Bytes& id) { held_.erase({store, id}); }

 private:
  using Name = std::pair<std::string, Bytes>;
  struct Held {
    Secret secret;
    Clock::time_point until{};
  };
  void remember(const Name& name);
  void plan();

  FetcherLink& fetcher_;
  Lost lost_;
  std::map<Name, Held> held_;
  std::set<Name> asked_;
  std::deque<Name> order_;  // of asked_, the oldest first
  Timer timer_;
};

}  // namespace tlspool::keeper
