// SPDX-License-Identifier: Apache-2.0
#include "config/cache.h"

#include <algorithm>
#include <charconv>

#include "base/contains.h"
#include "base/text.h"

namespace tlspool::config {
namespace {

constexpr std::size_t most_servers = 32;
constexpr std::uint32_t a_day = 24 * 60 * 60;

/// What is wrong with it; empty: nothing.
std::string mistake_in_server(std::string& server) {
  constexpr std::string_view unix_prefix = "unix:";
  if (server.starts_with(unix_prefix)) {
    const std::string path = server.substr(unix_prefix.size());
    if (!path.starts_with('/')) return "must have an absolute path behind unix:";
    return path.size() > longest_socket ? "has a path of more than 107 bytes" : "";
  }
  const auto colon = server.rfind(':');
  if (colon == std::string::npos || colon == 0) return "must be HOST:PORT or unix:/PATH";
  unsigned port = 0;
  const char* const end = server.data() + server.size();
  const auto [stop, error] = std::from_chars(server.data() + colon + 1, end, port);
  if (error != std::errc{} || stop != end || port < 1 || port > 65535) return "must end in a port from 1 to 65535";
  std::string host = server.substr(0, colon);
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (bracketed != (host.find(':') != std::string::npos)) return "must have an IPv6 address in brackets, and nothing else";
  const auto normal = normal_host(host);
  if (!normal) return "has no host: " + normal.error().reason;
  // Every pool of a cluster must spell it alike: names are spread among servers by how they are written.
  server = (bracketed ? "[" + *normal + "]" : *normal) + ":" + std::to_string(port);
  return "";
}

}  // namespace

void read_cache(Section s, Cache& out, const std::string& directory) {
  s.texts("servers", [&](const std::string& text, int line) {
    std::string server = text;
    if (const std::string why = mistake_in_server(server); !why.empty()) {
      return s.wrong(line, "[cache] servers: \"" + printable(text) + "\" " + why);
    }
    if (contains(out.servers, server)) {
      return s.wrong(line, "[cache] servers: \"" + printable(server) + "\" is there twice");
    }
    out.servers.push_back(std::move(server));
  });
  if (out.servers.size() > most_servers) s.wrong("servers", "has more than 32 servers");
  s.text("key_file", out.key_file);
  if (!out.servers.empty() && out.key_file.empty()) {
    s.wrong("servers", "stands without key_file, and what lies in memcached can be read and written by anybody",
            "make a key with `openssl rand -hex -out FILE 32`, mode 0600, and give the same file to every pool of the cluster");
  }
  if (out.servers.empty() && !out.key_file.empty()) s.wrong("key_file", "stands without servers");
  if (!out.key_file.empty() && !out.key_file.starts_with('/')) out.key_file = directory + "/" + out.key_file;
  s.number("ttl", 1, a_day, out.ttl);
  s.number("negative_ttl", 0, 3600, out.negative_ttl);
  s.number("entries", 0, 10'000'000, out.entries);
  s.number("patience_ms", 1, 1000, out.patience_ms);
  s.number("ticket_rotation", 10, a_day, out.ticket_rotation);
  s.number("generation", 0, 0x7fffffff, out.generation);
  s.done();
}

}  // namespace tlspool::config
