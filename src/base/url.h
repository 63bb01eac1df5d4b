// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace tlspool {

/// Length of "scheme:" at the front; 0 where there is none (RFC 3986 section 3.1).
[[nodiscard]] std::size_t scheme_size(std::string_view uri);

/// An https URL of a service, cut into what is needed to reach it.
struct HttpsUrl {
  std::string host;          ///< normalised name or IP address, without brackets
  std::uint16_t port = 443;
  std::string path;          ///< empty, or "/a/b" without a slash at the end

  /// "https://host:8443/a", the port left out where it is 443.
  [[nodiscard]] std::string text() const;
};

/// Strict: https only, no user, no query, no fragment, no "." or ".." in the path. Code::invalid, the reason says
/// what is wrong, the advice what is right.
[[nodiscard]] Result<HttpsUrl> parse_https_url(std::string_view text);

}  // namespace tlspool
