// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

namespace tlspool {

/// Makes the C library read its configuration and load what it resolves names with, and says which files it reads
/// later: call before the sandbox closes.
[[nodiscard]] std::vector<std::string> prepare_resolver();

}  // namespace tlspool
