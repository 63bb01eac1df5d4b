// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "supervisor/pool.h"

namespace tlspool::supervisor {

/// Reads the configuration and every file it names, and checks what can be checked without a token: PKCS#11
/// URIs, modules, certificates.
[[nodiscard]] Result<Content> read_content(const config::Paths& paths);

/// Who owns the pool, the users of its processes (as root), how many workers.
[[nodiscard]] Result<Ground> find_ground(const config::Paths& paths, const config::Config& config);

}  // namespace tlspool::supervisor
