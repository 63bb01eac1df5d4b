// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "config/config.h"
#include "config/section.h"

namespace tlspool::config {

/// [metrics], and of [log] the key audit.
void read_metrics(Section section, Metrics& out);
void read_audit(Section& log, Audit& out);

}  // namespace tlspool::config
