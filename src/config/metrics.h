// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "config/config.h"
#include "config/section.h"

namespace tlspool::config {

/// [metrics].
void read_metrics(Section section, Metrics& out);

}  // namespace tlspool::config
