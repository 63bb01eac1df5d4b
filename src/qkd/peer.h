// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "config/config.h"
#include "config/paths.h"

namespace tlspool::qkd {

/// The [[peer]] of this name. Code::not_found names those that there are.
[[nodiscard]] Result<wire::PeerSetup> find_peer(const config::Config& config, const std::string& name);
/// A [[peer]] together with the pool that it stands in.
struct PoolPeer {
  config::Paths paths;
  config::Config config;
  wire::PeerSetup peer;
};
/// `pool`: what --pool said. The errors of config::find_pool(), config::load() and find_peer().
[[nodiscard]] Result<PoolPeer> find_pool_peer(const std::string& pool, const std::string& name);
/// The [[kme]] of a peer, which must have one, and the SAE id of the other site.
[[nodiscard]] Result<wire::KmeSetup> find_kme(const config::Config& config, const wire::PeerSetup& peer);

}  // namespace tlspool::qkd
