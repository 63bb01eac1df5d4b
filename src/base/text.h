// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"

namespace tlspool {

[[nodiscard]] std::string hex(ByteView bytes);
[[nodiscard]] std::optional<Bytes> unhex(std::string_view text);
/// Base64 of RFC 4648 section 4, with padding, without line ends.
[[nodiscard]] std::string base64(ByteView bytes);
/// Strict: padding required, nothing but the alphabet.
[[nodiscard]] std::optional<Bytes> unbase64(std::string_view text);
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
