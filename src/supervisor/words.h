// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "supervisor/setup.h"
#include "wire/ipc.h"

namespace tlspool::supervisor {

/// The words of io.tlspool.Admin.
[[nodiscard]] const char* word(wire::TokenState state);
[[nodiscard]] const char* word(wire::KeyType type);

/// Logs each token and each key whose state is another than in the report before: loudly where an identity
/// can't be used.
void log_changes(const config::Config& config, KeyNumbers& numbers, const wire::KeeperReport& old,
                 const wire::KeeperReport& now);

}  // namespace tlspool::supervisor
