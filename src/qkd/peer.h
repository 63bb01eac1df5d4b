// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "config/config.h"

namespace tlspool::qkd {

/// The [[peer]] of this name. Code::not_found names those that there are.
[[nodiscard]] Result<wire::PeerSetup> find_peer(const config::Config& config, const std::string& name);
/// The [[kme]] of a peer, which must have one, and the SAE id of the other site.
[[nodiscard]] Result<wire::KmeSetup> find_kme(const config::Config& config, const wire::PeerSetup& peer);

}  // namespace tlspool::qkd
