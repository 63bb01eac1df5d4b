// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <vector>

#include "tls/openssl.h"

namespace tlspool::trust {

/// Beyond RSA-8192 nothing is in use, and a check of a signature costs as the square of the size.
inline constexpr int max_key_bits = 8192;

/// OpenSSL compares every name with every name constraint above it before it looks at a signature, so anybody
/// could make a chain that keeps it busy for seconds. True where the comparisons could be that many, or where
/// a public key is so large that one signature check takes long.
[[nodiscard]] bool too_complex(const std::vector<tls::Certificate>& chain);

}  // namespace tlspool::trust
