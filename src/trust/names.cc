// SPDX-License-Identifier: Apache-2.0
#include "trust/names.h"

#include <fmt/format.h>

#include "base/text.h"

namespace tlspool::trust {
namespace {

constexpr unsigned san_only = X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS;

// A leading dot would make X509_check_host accept every name below, and a NUL or a wildcard is no name to
// expect at all.
bool nameable(const std::string& name) {
  return !name.empty() && name.front() != '.' && name.find_first_of(std::string_view{"\0*", 2}) == std::string::npos;
}

int matches(X509* leaf, const std::string& expected) {
  if (is_ip_address(expected)) return X509_check_ip_asc(leaf, expected.c_str(), 0);
  if (expected.find('@') != std::string::npos) {
    return X509_check_email(leaf, expected.data(), expected.size(), san_only);
  }
  return X509_check_host(leaf, expected.data(), expected.size(), san_only, nullptr);
}

}  // namespace

Status check_name(X509* leaf, const std::string& expected) {
  auto normal = normal_identity(expected);
  if (!normal || !nameable(*normal)) {
    return fail({Code::invalid, "check name", printable(expected), "this is no host name, IP address or user@domain",
                 "ask for the name that the peer's certificate must prove"});
  }
  const int found = matches(leaf, *normal);
  if (found == 1) return {};
  if (found < 0) return fail(tls::openssl_error(Code::internal, "check name", printable(expected)));
  return fail({Code::certificate, "check name", printable(expected),
               fmt::format("the peer's certificate {} is for {}, not for {}", tls::subject_of(leaf),
                           names_text(tls::alternative_names(leaf)), printable(expected)),
               "expect a name that it has, or have it issued again with this name among its subject alternative "
               "names (the subject's CN does not count)"});
}

std::string names_text(const std::vector<std::string>& names) {
  constexpr std::size_t shown = 8;
  if (names.empty()) return "no name at all";
  std::string out = names.front();
  for (std::size_t i = 1; i < names.size() && i < shown; ++i) out += ", " + names[i];
  if (names.size() > shown) out += fmt::format(" and {} more", names.size() - shown);
  return out;
}

}  // namespace tlspool::trust
