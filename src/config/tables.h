// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "config/config.h"
#include "config/section.h"

namespace tlspool::config {

/// All tables of tlspool.toml.
void read_main(Section root, Config& config, const std::string& directory, const std::string& keeper);
/// Those that a drop-in file may have: [[identity]], [[kme]] and [[peer]].
void read_drop_in(Section root, Config& config);
/// `role = ["client", "server"]`; untouched where the key is not there.
void read_roles(Section& section, std::uint8_t& out);

}  // namespace tlspool::config
