// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/bytes.h"
#include "base/error.h"

namespace tlspool::wire {

/// What every process does with its first frame: `body` is a LogSetup (ipc.h), and the log follows it from now on. A
/// level that there is not becomes info. Code::protocol.
[[nodiscard]] Status start_log(ByteView body);
/// Whether that frame said so (LogSetup::watched).
[[nodiscard]] bool sandbox_is_watched();

}  // namespace tlspool::wire
