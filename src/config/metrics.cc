// SPDX-License-Identifier: Apache-2.0
#include "config/metrics.h"

#include <charconv>

#include "base/text.h"

namespace tlspool::config {
namespace {

/// What is wrong with it; empty: nothing.
std::string mistake_in(const std::string& text, Metrics& out) {
  constexpr std::string_view unix_prefix = "unix:";
  if (text.starts_with(unix_prefix)) {
    out.path = text.substr(unix_prefix.size());
    if (!out.path.starts_with('/')) return "must have an absolute path behind unix:";
    return out.path.size() > longest_socket ? "has a path of more than 107 bytes" : "";
  }
  const auto colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0) return "must be ADDRESS:PORT or unix:/PATH";
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, out.port);
  if (error != std::errc{} || stop != end || out.port == 0) return "must end in a port from 1 to 65535";
  std::string host = text.substr(0, colon);
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (bracketed) host = host.substr(1, host.size() - 2);
  out.address = normal_address(host);
  if (out.address.empty()) return "must have an IP address: names are not looked up";
  return bracketed == (host.find(':') != std::string::npos) ? "" : "must have an IPv6 address in brackets, and nothing else";
}

}  // namespace

void read_metrics(Section s, Metrics& out) {
  s.text("listen", out.listen);
  if (s.has("listen")) {
    if (const std::string why = mistake_in(out.listen, out); !why.empty()) {
      s.wrong("listen", "\"" + printable(out.listen) + "\" " + why, "write \"127.0.0.1:9464\" or \"unix:/run/tlspool/metrics.sock\"");
    }
  }
  s.done();
}

void read_audit(Section& log, Audit& out) {
  std::string to;
  log.text("audit", to);
  if (!log.has("audit")) return;
  if (to.starts_with('/')) {
    out = {wire::AuditTo::file, std::move(to)};
  } else if (to == "log") {
    out.to = wire::AuditTo::log;
  } else if (to == "journal") {
    out.to = wire::AuditTo::journal;
  } else if (to == "none") {
    out.to = wire::AuditTo::nowhere;
  } else {
    log.wrong("audit", "must be \"log\", \"journal\", \"none\" or the absolute path of a file");
  }
}

}  // namespace tlspool::config
