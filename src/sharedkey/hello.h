// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <vector>

#include "base/bytes.h"
#include "base/error.h"

namespace tlspool::sharedkey {

/// The identities in the body of a ClientHello's pre_shared_key extension (RFC 8446 section 4.2.11), in order, as views
/// into it. Code::protocol where lengths do not fit, a binder is missing, or there are more than 16.
[[nodiscard]] Result<std::vector<ByteView>> offered_identities(ByteView extension);

}  // namespace tlspool::sharedkey
