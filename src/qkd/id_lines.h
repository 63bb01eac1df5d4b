// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace tlspool::qkd {

/// The key ids of a list that `tlspool qkd fetch` printed at the other site.
struct IdLines {
  std::vector<std::string> ids;        ///< UUIDs in lower case, none twice, in their order
  std::vector<std::size_t> malformed;  ///< numbers of lines that hold none
};
inline constexpr std::size_t longest_id_file = 8 << 20;

/// Empty lines and those that begin with '#' are left out. Pure.
[[nodiscard]] IdLines parse_id_lines(std::string_view text);
/// Reads until the end; `name` is for errors. Code::invalid where there are more than longest_id_file bytes.
[[nodiscard]] Result<IdLines> read_id_lines(int fd, const std::string& name);

}  // namespace tlspool::qkd
