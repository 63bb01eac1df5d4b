// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "wire/ipc.h"
#include "wire/json.h"

namespace tlspool::wire {

/// The `SessionRow` of io.tlspool.Admin and io.tlspool.Pool.
[[nodiscard]] Value value_of(const SessionRow& row);

}  // namespace tlspool::wire
