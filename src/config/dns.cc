// SPDX-License-Identifier: Apache-2.0
#include "config/dns.h"

#include <charconv>

#include "base/text.h"

namespace tlspool::config {
namespace {

constexpr const char* address_form = "write an IP address, or ADDRESS@PORT";

bool is_server(const std::string& text) {
  const auto at = text.find('@');
  if (!is_ip_address(text.substr(0, at))) return false;
  if (at == std::string::npos) return true;
  std::uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data() + at + 1, end, port);
  return read.ec == std::errc() && read.ptr == end && port != 0;
}

}  // namespace

void read_dns(Section s, wire::DnsSetup& out, const std::string& directory) {
  s.texts("forwarders", [&](const std::string& address, int line) {
    if (!is_server(address)) return s.wrong(line, "[dns] forwarders: \"" + printable(address) + "\" is no address of a name server", address_form);
    out.forwarders.push_back(address);
  });
  s.texts("stubs", [&](const std::string& text, int line) {
    const auto words = split(text, ' ');
    const auto zone = words.size() == 2 && words[0] != "." ? normal_host(words[0]) : Result<std::string>(".");
    if (words.size() != 2 || !zone || !is_server(words[1])) {
      return s.wrong(line, "[dns] stubs: \"" + printable(text) + "\" is no zone and name server", "write \"ZONE ADDRESS\" or \"ZONE ADDRESS@PORT\"");
    }
    out.stubs.push_back({*zone, words[1]});
  });
  s.text("root_anchor", out.root_anchor);
  if (s.has("root_anchor") && out.root_anchor.empty()) s.wrong("root_anchor", "is empty", "name a file with the root's DS or DNSKEY records");
  if (!out.root_anchor.starts_with('/')) out.root_anchor = directory + "/" + out.root_anchor;
  s.number("deadline", 100, 60'000, out.deadline_ms);
  s.done();
}

}  // namespace tlspool::config
