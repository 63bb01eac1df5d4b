// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <set>
#include <string>

#include "base/log.h"
#include "sharedkey/identity.h"

namespace tlspool::keeper {

/// Warns once when the keys of a peer run low in one direction, and again only after there were enough meanwhile.
class KeyLevels {
 public:
  void note(const wire::PeerSetup& peer, sharedkey::Direction direction, std::size_t left) {
    const bool client = direction == sharedkey::Direction::outgoing;
    const std::string name = (client ? "client " : "server ") + peer.name;
    if (left >= peer.low_water) {
      low_.erase(name);
      return;
    }
    if (!low_.insert(name).second) return;
    log::warning("keys.low", {{"peer", peer.name}, {"store", peer.store}, {"role", client ? "client" : "server"},
                              {"left", std::to_string(left)}, {"low_water", std::to_string(peer.low_water)},
                              {"advice", "tlspool qkd fetch " + peer.name}});
  }

 private:
  std::set<std::string> low_;
};

}  // namespace tlspool::keeper
