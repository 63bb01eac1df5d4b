// SPDX-License-Identifier: Apache-2.0
#include "base/url.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace tlspool {
namespace {

tl::unexpected<Error> wrong(std::string_view url, std::string reason) {
  return fail({Code::invalid, "URL", printable(url), std::move(reason), "write it as https://HOST[:PORT][/PATH]"});
}

// The characters of RFC 3986 section 3.3 that a path is made of.
bool is_path_character(char c) {
  return is_unreserved(c) || std::string_view("!$&'()*+,;=:@%/").find(c) != std::string_view::npos;
}

}  // namespace

std::size_t scheme_size(std::string_view uri) {
  const auto colon = uri.find(':');
  if (colon == 0 || colon == std::string_view::npos || !is_letter(uri[0])) return 0;
  const auto fits = [](char c) { return is_letter(c) || is_digit(c) || c == '+' || c == '-' || c == '.'; };
  return std::all_of(uri.begin(), uri.begin() + static_cast<std::ptrdiff_t>(colon), fits) ? colon + 1 : 0;
}

std::string HttpsUrl::text() const {
  std::string out = "https://";
  out += host.find(':') == std::string::npos ? host : "[" + host + "]";
  if (port != 443) out += ":" + std::to_string(port);
  return out + path;
}

Result<HttpsUrl> parse_https_url(std::string_view text) {
  constexpr std::string_view scheme = "https://";
  if (lower(text.substr(0, scheme.size())) != scheme) return wrong(text, "it does not begin with https://");
  const std::string_view rest = text.substr(scheme.size());
  const auto slash = std::min(rest.find_first_of("/?#"), rest.size());
  std::string_view authority = rest.substr(0, slash);
  std::string_view path = rest.substr(slash);
  if (authority.find('@') != std::string_view::npos) return wrong(text, "a user does not belong into it");
  if (path.find_first_of("?#") != std::string_view::npos) return wrong(text, "a query or fragment does not belong into it");
  HttpsUrl out;
  std::string_view host;
  std::string_view port;
  if (authority.starts_with('[')) {
    const auto end = authority.find(']');
    if (end == std::string_view::npos) return wrong(text, "the bracket of its address is not closed");
    host = authority.substr(1, end - 1);
    if (!is_ip_address(host) || host.find(':') == std::string_view::npos) return wrong(text, "no IPv6 address is in its brackets");
    port = authority.substr(end + 1);
    if (!port.empty() && port.front() != ':') return wrong(text, "something stands behind its bracket");
  } else {
    const auto colon = std::min(authority.find(':'), authority.size());
    host = authority.substr(0, colon);
    port = authority.substr(colon);
  }
  auto normal = normal_host(host);
  if (!normal) return wrong(text, "its host is " + (host.empty() ? "missing" : "not one: " + normal.error().reason));
  out.host = is_ip_address(host) ? normal_address(host) : std::move(*normal);
  if (!port.empty()) {
    unsigned number = 0;
    const auto [end, error] = std::from_chars(port.data() + 1, port.data() + port.size(), number);
    if (error != std::errc{} || end != port.data() + port.size() || number == 0 || number > 65535) {
      return wrong(text, "its port is no number from 1 to 65535");
    }
    out.port = static_cast<std::uint16_t>(number);
  }
  while (path.ends_with('/')) path.remove_suffix(1);
  if (!std::all_of(path.begin(), path.end(), is_path_character)) return wrong(text, "its path has a character that wants to be percent-encoded");
  if (!path.empty()) {
    for (const std::string& part : split(path.substr(1), '/')) {
      if (part.empty() || part == "." || part == "..") return wrong(text, "its path has an empty or dotted part");
    }
  }
  out.path = path;
  return out;
}

}  // namespace tlspool
