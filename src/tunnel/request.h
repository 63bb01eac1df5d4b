// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>

#include "cli/commands.h"

namespace tlspool::tunnel {

/// The StartTLS call, its NUL included. It is the same for every connection, so it is made once: descriptor 0
/// is the socket that speaks TLS, descriptor 1 the plain one. Pure.
[[nodiscard]] std::string starttls_text(const cli::TunnelOptions& options);

/// What came of a StartTLS call; empty: TLS runs. Pure. A success is told without parsing it.
[[nodiscard]] std::string failure_in(std::string_view answer);

}  // namespace tlspool::tunnel
