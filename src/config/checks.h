// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "config/config.h"

namespace tlspool::config {

inline constexpr std::size_t longest_socket = 107;  ///< bytes of a Unix socket's path: sun_path of unix(7)

/// A mistake in the configuration: Code::config with subject "FILE:LINE".
[[nodiscard]] Error mistake(const std::string& file, int line, std::string reason, std::string advice = {});

/// What can only be said once all files are read: duplicate identities, and keys in tokens that are not
/// there. Gives credentials without a token the first one.
[[nodiscard]] Status check_references(Config& config);

}  // namespace tlspool::config
