// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "config/section.h"

namespace tlspool::config {

/// [revocation]; `directory` makes paths absolute.
void read_revocation(Section section, wire::RevocationSetup& out, const std::string& directory);

}  // namespace tlspool::config
