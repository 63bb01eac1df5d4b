// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"

namespace tlspool {

// Of ASCII, whatever the locale.
[[nodiscard]] constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
[[nodiscard]] constexpr bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
/// RFC 3986 section 2.3: what needs no percent-encoding anywhere.
[[nodiscard]] constexpr bool is_unreserved(char c) { return is_letter(c) || is_digit(c) || std::string_view("-._~").find(c) != std::string_view::npos; }

[[nodiscard]] std::string hex(ByteView bytes);
[[nodiscard]] std::optional<Bytes> unhex(std::string_view text);
/// The text, with a percent sign and two small hexadecimal digits for each byte of which `plain` is false.
[[nodiscard]] std::string percent_encoded(std::string_view text, bool (*plain)(char) = is_unreserved);
/// Base64 of RFC 4648 section 4, with padding, without line ends.
[[nodiscard]] std::string base64(ByteView bytes);
/// Strict: padding required, nothing but the alphabet.
[[nodiscard]] std::optional<Bytes> unbase64(std::string_view text);
/// "file:12": where in a file something stands.
[[nodiscard]] std::string at_line(std::string_view file, std::int64_t line);
[[nodiscard]] std::vector<std::string> split(std::string_view text, char separator);
[[nodiscard]] std::string lower(std::string_view text);
/// Text that is safe in a log line and on a terminal: control characters and bytes above 126 become \xNN,
/// and it is cut at `limit` characters.
[[nodiscard]] std::string printable(std::string_view text, std::size_t limit = 256);

/// A host name as it goes on the wire and into comparisons: lower case, IDNA A-labels (RFC 5891), no dot
/// at the end. IP addresses pass unchanged. Fails on a name that IDNA refuses or that is empty.
[[nodiscard]] Result<std::string> normal_host(std::string_view name);
/// `user@domain` or a host name, normalised; the part before the @ is kept as it is.
[[nodiscard]] Result<std::string> normal_identity(std::string_view name);
/// An IPv4 or IPv6 address in its one form ("0:0::1" becomes "::1"); empty where `text` is none.
[[nodiscard]] std::string normal_address(std::string_view text);
[[nodiscard]] bool is_ip_address(std::string_view text);

}  // namespace tlspool
