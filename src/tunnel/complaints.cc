// SPDX-License-Identifier: Apache-2.0
#include "tunnel/complaints.h"

#include <fmt/format.h>

namespace tlspool::tunnel {

std::optional<std::string> Complaints::line(std::uint64_t now, std::string_view peer, std::string_view what) {
  if (now / 1000 != second_) {
    second_ = now / 1000;
    written_ = 0;
  }
  if (written_ >= lines_a_second) {
    ++suppressed_;
    return std::nullopt;
  }
  ++written_;
  std::string out = fmt::format("tlspool: tunnel: {}{}{}", peer, peer.empty() ? "" : ": ", what);
  if (suppressed_ > 0) out += fmt::format(" (and {} failures that were not written)", suppressed_);
  suppressed_ = 0;
  return out + "\n";
}

}  // namespace tlspool::tunnel
