// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

#include "base/bytes.h"
#include "cli/qkd_commands.h"

namespace tlspool::qkd {

/// The SAE ids that a certificate allows its owner: its common names, DNS names, URIs, or its serial number in lower
/// case hex without leading zeros. What is no SAE id (visible ASCII, 256 at most) is left out.
[[nodiscard]] std::vector<std::string> sae_names(ByteView der, cli::SaeFrom from);
/// A name as the administrator writes it, in the form that sae_names() has.
[[nodiscard]] std::string normal_sae(const std::string& name, cli::SaeFrom from);

}  // namespace tlspool::qkd
