// SPDX-License-Identifier: Apache-2.0
#include "qkd/counts.h"

#include <fmt/format.h>

#include "base/text.h"
#include "cli/output.h"
#include "wire/ipc.h"

namespace tlspool::qkd {
namespace {

bool low_as(const wire::KeyCount& row, wire::RoleBits role, std::uint32_t left) {
  return counted(row) && (row.roles & role) != 0 && left < row.low_water;
}
bool low_as_client(const wire::KeyCount& row) { return low_as(row, wire::role_client, row.as_client); }
bool low_as_server(const wire::KeyCount& row) { return low_as(row, wire::role_server, row.as_server); }

/// A role that the peer does not have needs no keys.
std::string left_text(const wire::KeyCount& row, wire::RoleBits role, std::uint32_t left) {
  return counted(row) && (row.roles & role) != 0 ? std::to_string(left) : "-";
}

const char* source_word(wire::KeySource source) {
  switch (source) {
    case wire::KeySource::token: return "token";
    case wire::KeySource::kme: return "kme";
    case wire::KeySource::psk: return "psk";
  }
  return "unknown";
}

}  // namespace

bool counted(const wire::KeyCount& row) { return row.source == wire::KeySource::token && row.use == wire::KeyUse::psk; }

bool low(const wire::KeyCount& row) { return low_as_client(row) || low_as_server(row); }

std::string source_text(const wire::KeyCount& row) {
  return std::string(source_word(row.source)) + (row.use == wire::KeyUse::session ? " (session)" : "");
}

std::string state_text(const wire::KeyCount& row) {
  std::string out;
  if (low_as_client(row)) out = fmt::format("LOW: {} left as client", row.as_client);
  if (low_as_server(row)) out += fmt::format("{}{} left as server", out.empty() ? "LOW: " : ", ", row.as_server);
  if (!row.problem.empty()) out += (out.empty() ? "" : "; ") + printable(row.problem, 1024);
  return out.empty() ? "ok" : out;
}

std::string counts_table(const std::vector<wire::KeyCount>& rows) {
  std::vector<std::vector<std::string>> cells;
  for (const wire::KeyCount& row : rows) {
    const bool numbers = counted(row);
    cells.push_back({printable(row.peer), source_text(row), row.store.empty() ? "-" : printable(row.store),
                     left_text(row, wire::role_client, row.as_client), left_text(row, wire::role_server, row.as_server),
                     std::to_string(row.used), std::to_string(row.leased),
                     numbers ? std::to_string(row.low_water) : "-", state_text(row)});
  }
  return cli::table({"PEER", "SOURCE", "STORE", "AS-CLIENT", "AS-SERVER", "USED-SINCE-START", "LEASED", "LOW-WATER", "STATE"}, cells);
}

wire::Value counts_json(const std::vector<wire::KeyCount>& rows) {
  wire::Value out = wire::Value::array();
  for (const wire::KeyCount& row : rows) {
    wire::Value one = wire::Value::object();
    one.set("peer", row.peer).set("source", source_word(row.source));
    one.set("use", row.use == wire::KeyUse::session ? "session" : "psk").set("store", row.store);
    one.set("asClient", row.as_client).set("asServer", row.as_server).set("usedSinceStart", row.used).set("leased", row.leased);
    one.set("lowWater", row.low_water).set("low", low(row));
    one.set("problem", wire::or_null(row.problem));
    out.push(std::move(one));
  }
  return out;
}

}  // namespace tlspool::qkd
