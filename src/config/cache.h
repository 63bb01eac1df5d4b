// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "config/config.h"
#include "config/section.h"

namespace tlspool::config {

/// [cache]. `directory` makes a relative key_file absolute.
void read_cache(Section section, Cache& out, const std::string& directory);

}  // namespace tlspool::config
