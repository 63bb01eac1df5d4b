// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "wire/ipc.h"
#include "wire/json.h"

namespace tlspool::wire {

// The `SessionRow` of io.tlspool.Admin and io.tlspool.Pool, whose names are "" here where they are null there.
[[nodiscard]] Value value_of(const SessionRow& row);
/// Of a reply that the interface file's checker has let through.
[[nodiscard]] SessionRow session_row_of(const Value& value);

}  // namespace tlspool::wire
