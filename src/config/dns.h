// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "config/section.h"
#include "wire/dns_setup.h"

namespace tlspool::config {

/// The table [dns]; `directory` makes relative paths absolute.
void read_dns(Section section, wire::DnsSetup& out, const std::string& directory);

}  // namespace tlspool::config
