// SPDX-License-Identifier: Apache-2.0
// What `tlspool qkd status` makes of the keeper's counts. Pure.
#pragma once
#include <string>
#include <vector>

#include "wire/json.h"
#include "wire/key_admin.h"

namespace tlspool::qkd {

/// Whether keys of this row can run out: those of a token can; those of a key management entity are asked for one by
/// one, and lasting keys are not used up.
[[nodiscard]] bool counted(const wire::KeyCount& row);
/// In a direction that the peer's roles use, fewer keys are left than its low-water mark.
[[nodiscard]] bool low(const wire::KeyCount& row);
[[nodiscard]] std::string source_text(const wire::KeyCount& row);
/// "ok", or what is wrong, in words.
[[nodiscard]] std::string state_text(const wire::KeyCount& row);
/// Under a heading, one line a peer.
[[nodiscard]] std::string counts_table(const std::vector<wire::KeyCount>& rows);
[[nodiscard]] wire::Value counts_json(const std::vector<wire::KeyCount>& rows);

}  // namespace tlspool::qkd
