// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <vector>

#include "authz/rules.h"
#include "base/bytes.h"
#include "base/error.h"
#include "wire/shared_keys.h"
#include "worker/policy.h"
#include "worker/start_request.h"

namespace tlspool::worker {

/// The [[peer]] by whose key a client connection is to be protected; null: none. Error: the policy or the request
/// wants a shared key, and there is none that this connection may use.
[[nodiscard]] Result<const wire::PeerSetup*> peer_of_client(const Policy& policy, const StartRequest& request, const authz::Caller& caller);

/// The [[peer]]s whose keys a server connection accepts.
struct ServerPeers {
  std::vector<const wire::PeerSetup*> usable;
  bool required = false;  ///< nothing but a key of theirs will do: no certificate, no resumption

  [[nodiscard]] bool any(wire::KeyUse use, bool tls13) const;
};
[[nodiscard]] ServerPeers peers_of_server(const Policy& policy, const StartRequest& request, const authz::Caller& caller);

/// A peer's identity that names a key of ours, and what to ask the keeper.
struct NamedKey {
  const wire::PeerSetup* peer = nullptr;
  wire::KeyRequest request;
};
/// nullopt: the bytes are no identity of ours, but perhaps a ticket. Error: they are one, and it can't be used.
[[nodiscard]] Result<std::optional<NamedKey>> key_named_by(ByteView identity, const std::vector<wire::PeerSetup>& all,
                                                           const std::vector<const wire::PeerSetup*>& usable, bool tls13);

}  // namespace tlspool::worker
