// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>

#include "cli/commands.h"

namespace tlspool::tunnel {

/// The StartTLS call, its NUL included. It is the same for every connection, so it is made once: descriptor 0
/// is the socket that speaks TLS, descriptor 1 the plain one. Pure.
[[nodiscard]] std::string starttls_text(const cli::TunnelOptions& options);

/// What the side that speaks TLS is: what the options say, else a server where it is the accepted one. Pure.
[[nodiscard]] cli::Role own_role(const cli::TunnelOptions& options);
/// The name that the other side must prove; empty: none. Pure.
[[nodiscard]] std::string expected(const cli::TunnelOptions& options);
/// True where the other side speaks first in any case, so that a connection without a word of it need not be accepted yet. Pure.
[[nodiscard]] bool other_side_speaks_first(const cli::TunnelOptions& options);

/// What came of a StartTLS call; empty: TLS runs. Pure. A success is told without parsing it.
[[nodiscard]] std::string failure_in(std::string_view answer);

}  // namespace tlspool::tunnel
