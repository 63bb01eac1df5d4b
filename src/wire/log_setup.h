// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/error.h"
#include "loop/channel.h"

namespace tlspool::wire {

/// What every process does with its first frame: `frame` is a LogSetup (ipc.h), and the log follows it from now on. A
/// level that there is not becomes info. If memory came with it the process counts there (counters/page.h). Code::protocol.
[[nodiscard]] Status start_log(Frame frame);
/// Whether that frame said so (LogSetup::watched).
[[nodiscard]] bool sandbox_is_watched();

}  // namespace tlspool::wire
