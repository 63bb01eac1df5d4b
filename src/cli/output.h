// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "wire/json.h"

namespace tlspool::cli {

/// Rows under a heading, each column as wide as its widest cell; two spaces between. Pure.
[[nodiscard]] std::string table(const std::vector<std::string>& heading,
                                const std::vector<std::vector<std::string>>& rows);
/// "3 d 4 h", "2 min", "17 s": two units at most. Pure.
[[nodiscard]] std::string duration(std::int64_t seconds);
/// "2026-03-01 12:00:00" in UTC.
[[nodiscard]] std::string timestamp(std::int64_t seconds);
/// "2026-03-01" in UTC.
[[nodiscard]] std::string day_of(std::int64_t seconds);
/// "12 B", "3.4 KiB", "1.2 GiB". Pure.
[[nodiscard]] std::string byte_count(std::uint64_t bytes);
/// What people read for a text that may be empty, and at most `limit` characters of it, all of them printable.
[[nodiscard]] std::string or_dash(std::string_view text, std::size_t limit = 256);
/// The same for a member, which may be null.
[[nodiscard]] std::string or_dash(const wire::Value& row, std::string_view member);
/// The elements of a member that is an array; none where it is not.
[[nodiscard]] const wire::Value::Array& elements(const wire::Value& of, std::string_view member);
void print(const std::string& text);
void print_json(const wire::Value& value);

}  // namespace tlspool::cli
