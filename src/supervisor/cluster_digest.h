// SPDX-License-Identifier: Apache-2.0
// Pure: what two pools must have in common so that each may take what the other has decided. Nothing here depends on the machine: no
// path of a file that is read, no line of the configuration, no number or name of a key, no token.
#pragma once
#include "config/config.h"
#include "config/paths.h"
#include "supervisor/setup.h"

namespace tlspool::supervisor {

/// SHA-256 of everything that the judge decides by, as it is told it: a table that is added there is part of this.
[[nodiscard]] Bytes outcome_policy(const config::Config& config, const Material& material, const config::Paths& paths);

/// What tickets are bound to that other pools of the cluster take: `outcomes` (see above), the caller rules, and of each identity its name,
/// its roles, and of each of its certificates names, issuer and intermediate certificates. The certificate itself is left out: each
/// pool has its own for its own key.
[[nodiscard]] Bytes ticket_policy(const wire::WorkerSetup& setup, const Bytes& outcomes);

}  // namespace tlspool::supervisor
