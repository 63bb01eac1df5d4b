// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "config/config.h"
#include "config/section.h"

namespace tlspool::config {

/// The numbers and names that stand in a list of users or groups; the names go to Config::allow_names, filled in from `name`.
/// Stands in tables.cc.
void read_ids(Section& section, std::string_view key, AllowName name, std::vector<std::uint32_t>& numbers, Config& config);

/// [[disclosure]]
void read_disclosures(Section& root, Config& config);

}  // namespace tlspool::config
