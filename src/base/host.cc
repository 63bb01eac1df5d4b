// SPDX-License-Identifier: Apache-2.0
// Apart from text.cc, so that only who normalises names depends on libidn2.
#include <idn2.h>

#include <algorithm>

#include "base/text.h"

namespace tlspool {

namespace {

// Letters, digits, hyphens, and the underscores and wildcards that SRV names and certificates carry.
bool is_host_character(char c) {
  return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '_' || c == '*';
}

// Why a name in lower case is no host's name, empty when it is one.
std::string flaw_of(std::string_view name) {
  if (name.size() > 253) return "it is longer than 253 characters";
  for (const std::string& label : split(name, '.')) {
    if (label.empty() || label.size() > 63) return "a label is empty or longer than 63 characters";
    if (!std::all_of(label.begin(), label.end(), is_host_character)) return "it has a character that no host's name has";
  }
  return {};
}

std::string_view without_root(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  return name;
}

}  // namespace

Result<std::string> normal_host(std::string_view name) {
  if (std::string address = normal_address(name); !address.empty()) return address;
  const auto bad = [&](std::string reason) {
    return fail({Code::invalid, "host name", printable(name), std::move(reason), {}});
  };
  std::string out = lower(without_root(name));
  if (out.empty()) return bad("it is empty");
  if (out.find('\0') != std::string::npos) return bad("it contains a NUL");
  const bool ascii = std::all_of(out.begin(), out.end(), [](char c) { return static_cast<unsigned char>(c) < 128; });
  // IDNA would refuse underscores and wildcards: it is asked about what is not ASCII, or wants to be read as such.
  if (!ascii || out.find("xn--") != std::string::npos) {
    char* converted = nullptr;
    const int rc = idn2_to_ascii_8z(out.c_str(), &converted, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT);
    if (rc != IDN2_OK) return bad(idn2_strerror(rc));
    out = without_root(lower(converted));  // the root's dot has more than one form there
    idn2_free(converted);
  }
  if (std::string flaw = flaw_of(out); !flaw.empty()) return bad(std::move(flaw));
  return out;
}

Result<std::string> normal_identity(std::string_view name) {
  const auto at = name.rfind('@');
  if (at == std::string_view::npos) return normal_host(name);
  if (at == 0) return fail({Code::invalid, "identity", printable(name), "nothing stands before the @", {}});
  auto domain = normal_host(name.substr(at + 1));
  if (!domain) return fail(std::move(domain.error()));
  return std::string(name.substr(0, at + 1)) + *domain;
}

}  // namespace tlspool
