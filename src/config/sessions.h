// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "config/config.h"
#include "config/section.h"

namespace tlspool::config {

/// [sessions], [pins], and of [[identity]] the key token_gone.
void read_sessions(Section section, Sessions& out);
void read_pins(Section section, wire::PinSetup& out);
void read_token_gone(Section& identity, TokenGone& out);

}  // namespace tlspool::config
