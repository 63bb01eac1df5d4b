// SPDX-License-Identifier: Apache-2.0
// Apart from text.cc, so that only who normalises names depends on libidn2.
#include <idn2.h>

#include <algorithm>

#include "base/text.h"

namespace tlspool {

Result<std::string> normal_host(std::string_view name) {
  if (std::string address = normal_address(name); !address.empty()) return address;
  if (!name.empty() && name.back() == '.') name.remove_suffix(1);
  const auto bad = [&](std::string reason) {
    return fail({Code::invalid, "host name", printable(name), std::move(reason), {}});
  };
  if (name.empty()) return bad("it is empty");
  if (name.find('\0') != std::string_view::npos) return bad("it contains a NUL");
  const bool ascii = std::all_of(name.begin(), name.end(), [](char c) { return c > 32 && c < 127; });
  if (ascii) {
    // IDNA would refuse the underscores and wildcards that certificates and SRV names carry.
    if (name.size() > 253) return bad("it is longer than 253 characters");
    for (const std::string& label : split(name, '.')) {
      if (label.empty() || label.size() > 63) return bad("a label is empty or longer than 63 characters");
    }
    if (lower(name).find("xn--") == std::string::npos) return lower(name);
  }
  char* ascii_name = nullptr;
  const std::string copy(name);
  const int rc = idn2_to_ascii_8z(copy.c_str(), &ascii_name, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT);
  if (rc != IDN2_OK) return bad(idn2_strerror(rc));
  std::string out = lower(ascii_name);
  idn2_free(ascii_name);
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
