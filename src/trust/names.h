// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

#include "base/error.h"
#include "tls/openssl.h"

namespace tlspool::trust {

/// RFC 9525: does the certificate prove `expected`, a host name, an IP address or user@domain? Only subject
/// alternative names count, never the subject; a wildcard stands for one whole left-most label. Code::invalid
/// where `expected` is no such name, Code::certificate where the certificate proves others.
[[nodiscard]] Status check_name(X509* leaf, const std::string& expected);

/// "web.example, *.web.example and 3 more", or "no name at all".
[[nodiscard]] std::string names_text(const std::vector<std::string>& names);

}  // namespace tlspool::trust
