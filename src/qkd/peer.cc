// SPDX-License-Identifier: Apache-2.0
#include "qkd/peer.h"

#include "base/text.h"
#include "config/load.h"

namespace tlspool::qkd {

Result<wire::PeerSetup> find_peer(const config::Config& config, const std::string& name) {
  const auto wanted = normal_identity(name);
  if (!wanted) return fail(wanted.error());
  std::string names;
  for (const wire::PeerSetup& peer : config.peers) {
    if (peer.name == *wanted) return peer;
    names += (names.empty() ? "" : ", ") + peer.name;
  }
  return fail({Code::not_found, "peer", printable(name), "no [[peer]] of this name is in the configuration",
               names.empty() ? "add one to tlspool.toml" : "there are: " + names});
}

Result<PoolPeer> find_pool_peer(const std::string& pool, const std::string& name) {
  auto paths = config::find_pool(pool);
  if (!paths) return fail(std::move(paths.error()));
  auto config = config::load(*paths);
  if (!config) return fail(std::move(config.error()));
  auto peer = find_peer(*config, name);
  if (!peer) return fail(std::move(peer.error()));
  return PoolPeer{std::move(*paths), std::move(*config), std::move(*peer)};
}

Result<wire::KmeSetup> find_kme(const config::Config& config, const wire::PeerSetup& peer) {
  if (peer.kme.empty() || peer.sae.empty()) {
    return fail({Code::config, "peer", peer.name, "no key management entity is configured for it",
                 "give its [[peer]] a `kme`, the name of a [[kme]], and a `sae`, the SAE id of the other site"});
  }
  for (const wire::KmeSetup& kme : config.kmes) {
    if (kme.name == peer.kme) return kme;
  }
  return fail({Code::config, "peer", peer.name, "there is no [[kme]] named " + printable(peer.kme), "add one of this name to tlspool.toml, or mend `kme` of the [[peer]]"});
}

}  // namespace tlspool::qkd
