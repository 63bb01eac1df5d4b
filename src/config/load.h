// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "config/config.h"
#include "config/paths.h"

namespace tlspool::config {

/// All files of the configuration together. What they say is also held, and sent, in other forms.
inline constexpr std::size_t most_configuration = 64 << 20;

/// Reads tlspool.toml and what lies in identities/, peers/, policies/, rules/ and disclosures/ (*.toml, in the order of their names),
/// then parse() and resolve().
[[nodiscard]] Result<Config> load(const Paths& paths);

/// The whole of a file of at most `limit` bytes.
[[nodiscard]] Result<std::string> read_file(const std::string& path, std::size_t limit = 1 << 20);

}  // namespace tlspool::config
