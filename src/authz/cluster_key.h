// SPDX-License-Identifier: Apache-2.0
// The key that all pools of a cluster have, and what each part of a pool gets of it.
#pragma once
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"
#include "base/secret.h"

namespace tlspool::authz {

inline constexpr std::size_t least_cluster_key = 32;
inline constexpr std::size_t most_cluster_key = 1024;
inline constexpr std::size_t derived_key_size = 32;

/// What a key file holds: 64 or more hexadecimal digits and perhaps a newline, or 32 or more random bytes. `file` is for
/// messages. Refuses what is plainly not random: text that is not hexadecimal, one byte repeated.
[[nodiscard]] Result<Secret> read_cluster_key(ByteView content, std::string_view file);

/// 32 bytes: HKDF-SHA256 (RFC 5869) of `key` with no salt (or `salt`) and `purpose` as info. Who has one derived key learns
/// nothing of the others.
[[nodiscard]] Result<Secret> derive_key(ByteView key, std::string_view purpose, ByteView salt = {}, std::size_t size = derived_key_size);

/// For the judge: names, seals and opens outcomes.
inline constexpr std::string_view outcome_purpose = "tlspool 1 outcomes";
/// For the supervisor alone: names, seals and opens ticket keys.
inline constexpr std::string_view ticket_purpose = "tlspool 1 ticket keys";

}  // namespace tlspool::authz
