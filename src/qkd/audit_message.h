// SPDX-License-Identifier: Apache-2.0
// What two sites say to each other in `tlspool qkd audit`: lines of JSON, as docs/protocol.md describes them. Pure; the
// bytes come from another site, which is authenticated and may still send anything.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "wire/key_admin.h"

namespace tlspool::qkd {

inline constexpr std::int64_t audit_version = 1;
inline constexpr std::size_t longest_audit_line = 64 * 1024;  ///< with its end
inline constexpr std::size_t most_audit_rows = 100'000;
inline constexpr std::size_t longest_audit_id = 256;
inline constexpr std::size_t audit_random_size = 16;
inline constexpr std::size_t check_value_size = 8;
inline constexpr std::size_t audit_digest_size = 32;

/// The first line of each side: its share of the nonce.
struct AuditHello {
  Bytes random;
};
/// How many rows will come, and a digest over them: neither side can make up its rows from the other's.
struct AuditCommit {
  std::size_t count = 0;
  Bytes digest;
};
struct AuditRows {
  std::vector<wire::AuditRow> rows;  ///< as_client: of the side that sends them
};
struct AuditEnd {};
/// The side that sends it gives up; for people.
struct AuditGivenUp {
  std::string reason;
};
using AuditMessage = std::variant<AuditHello, AuditCommit, AuditRows, AuditEnd, AuditGivenUp>;

/// `line` without its end; `sequence` is the number that it must have. Strict: no member that is unknown, no value out
/// of range. Code::protocol; the version of another release is named.
[[nodiscard]] Result<AuditMessage> parse_audit_line(std::string_view line, std::uint64_t sequence);
/// With its end.
[[nodiscard]] std::string audit_line(const AuditMessage& message, std::uint64_t sequence);

/// As many of the rows from `at` on as one line may take; at least one while there are any.
[[nodiscard]] AuditRows next_chunk(const std::vector<wire::AuditRow>& rows, std::size_t at);

enum class AuditSide : std::uint8_t { connecting = 'c', listening = 'l' };
/// SHA-256("tlspool audit nonce" 0 || random of the connecting side || random of the listening side).
[[nodiscard]] Bytes audit_nonce(ByteView connecting, ByteView listening);
/// SHA-256("tlspool audit rows" 0 || side || nonce || for each row: 2 bytes length (big-endian) of the id, the id, "c" or
/// "s", check value).
[[nodiscard]] Bytes audit_digest(AuditSide side, ByteView nonce, const std::vector<wire::AuditRow>& rows);

}  // namespace tlspool::qkd
