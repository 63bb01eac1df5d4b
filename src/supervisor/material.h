// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "supervisor/setup.h"

namespace tlspool::supervisor {

/// Reads every certificate chain and trust anchor that the configuration names. Code::config where one is
/// missing or holds no certificate; chains are named by the line that wants them.
[[nodiscard]] Result<Material> read_material(const config::Config& config);

}  // namespace tlspool::supervisor
