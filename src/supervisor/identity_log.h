// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "supervisor/setup.h"

namespace tlspool::supervisor {

/// Logs each identity's key whose state is another than in the report before, loudly where it can't be used.
/// (The keeper itself logs what becomes of a token.)
void log_changes(const config::Config& config, KeyNumbers& numbers, const wire::KeeperReport& old,
                 const wire::KeeperReport& now);

}  // namespace tlspool::supervisor
