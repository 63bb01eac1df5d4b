// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <set>
#include <string>
#include <utility>

#include "base/log.h"
#include "counters/page.h"
#include "sharedkey/identity.h"

namespace tlspool::keeper {

/// Warns once when the keys of a peer run low in one direction, and again only after there were enough meanwhile.
class KeyLevels {
 public:
  void note(const wire::PeerSetup& peer, sharedkey::Direction direction, std::size_t left) {
    const bool client = direction == sharedkey::Direction::outgoing;
    const std::string name = (client ? "client " : "server ") + peer.name;
    const counters::Role role = client ? counters::Role::client : counters::Role::server;
    std::size_t& before = left_[name];
    counters::change<counters::Family::shared_keys_left>(static_cast<std::int64_t>(left) - static_cast<std::int64_t>(std::exchange(before, left)), role);
    if (left >= peer.low_water) {
      if (low_.erase(name) != 0) counters::change<counters::Family::shared_keys_low>(-1);
      return;
    }
    if (!low_.insert(name).second) return;
    counters::change<counters::Family::shared_keys_low>(1);
    log::warning("keys.low", {{"peer", peer.name}, {"store", peer.store}, {"role", client ? "client" : "server"},
                              {"left", std::to_string(left)}, {"low_water", std::to_string(peer.low_water)},
                              {"advice", "tlspool qkd fetch " + peer.name}});
  }

 private:
  std::set<std::string> low_;
  std::map<std::string, std::size_t> left_;
};

}  // namespace tlspool::keeper
