// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/commands.h"

namespace tlspool::tunnel {

/// The Forward call to one of the pool's workers, its NUL included. Pure.
[[nodiscard]] std::string forward_text(const cli::TunnelOptions& options, std::size_t worker);
/// What goes with each pair of descriptors: 0 is the socket that speaks TLS, 1 the plain one.
inline constexpr std::string_view pass_text{
    "{\"method\":\"io.tlspool.Pool.Pass\",\"oneway\":true,\"parameters\":{\"fileDescriptor\":0,\"plaintextFileDescriptor\":1}}\0", 110};
static_assert(pass_text.back() == '\0' && pass_text[pass_text.size() - 2] == '}');

/// What the side that speaks TLS is: what the options say, else a server where it is the accepted one. Pure.
[[nodiscard]] cli::Role own_role(const cli::TunnelOptions& options);
/// The name that the other side must prove; empty: none. Pure.
[[nodiscard]] std::string expected(const cli::TunnelOptions& options);
/// True where the other side speaks first in any case, so that a connection without a word of it need not be accepted yet. Pure.
[[nodiscard]] bool other_side_speaks_first(const cli::TunnelOptions& options);

/// One reply to the Forward call. Pure.
struct Outcomes {
  std::string problem;  ///< not empty: the call failed, and with it all that was passed
  std::size_t workers = 1;
  bool leave = false;  ///< nothing more may be passed on this connection
  std::vector<std::pair<std::uint64_t, std::string>> ended;  ///< number of the Pass, and why TLS does not run; empty: it does
};
[[nodiscard]] Outcomes outcomes_in(std::string_view answer);

}  // namespace tlspool::tunnel
