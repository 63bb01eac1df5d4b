// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "config/config.h"
#include "supervisor/notify.h"

namespace tlspool::supervisor {

/// The socket on which the metrics process is asked, listening. Every local user may connect to a Unix socket, as to a port: the
/// directory that it is in can say otherwise.
[[nodiscard]] Result<Listener> listen_for_metrics(const config::Metrics& where);

}  // namespace tlspool::supervisor
