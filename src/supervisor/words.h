// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "wire/ipc.h"

namespace tlspool::supervisor {

/// The words of io.tlspool.Admin.
[[nodiscard]] const char* word(wire::TokenState state);
[[nodiscard]] const char* word(wire::KeyType type);

}  // namespace tlspool::supervisor
