// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "cli/key_admin.h"
#include "cli/key_text.h"
#include "cli/output.h"
#include "cli/psk_commands.h"

namespace tlspool::cli {
namespace {

using wire::KeyAdminKind;

wire::Value json_of(const wire::PskRow& row) {
  wire::Value peers = wire::Value::array();
  for (const std::string& peer : row.peers) peers.push(peer);
  return wire::Value::object()
      .set("name", row.name)
      .set("token", row.token)
      .set("bits", row.bits)
      .set("derived", row.derived)
      .set("peers", std::move(peers));
}

std::vector<std::string> cells_of(const wire::PskRow& row) {
  std::string peers;
  for (const std::string& peer : row.peers) peers += (peers.empty() ? "" : ", ") + printable(peer);
  return {printable(row.name), printable(row.token), std::to_string(row.bits), row.derived ? "derived" : "plain",
          peers.empty() ? "-" : peers};
}

}  // namespace

Status psk_list(const PskListOptions& options) {
  const auto paths = config::find_pool(options.pool);
  if (!paths) return fail(paths.error());
  auto keeper = KeyAdmin::open(*paths);
  if (!keeper) return fail(std::move(keeper.error()));
  auto listed = keeper->ask<wire::PskListed>(KeyAdminKind::psk_list, KeyAdminKind::psk_listed);
  if (!listed) return fail(std::move(listed.error()));
  auto& rows = listed->rows;
  std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return std::tie(a.name, a.token) < std::tie(b.name, b.token); });
  if (options.output == Output::json) {
    wire::Value out = wire::Value::array();
    for (const wire::PskRow& row : rows) out.push(json_of(row));
    print_json(out);
    return {};
  }
  if (rows.empty()) {
    print("no shared keys\n");
    return {};
  }
  std::vector<std::vector<std::string>> cells;
  for (const wire::PskRow& row : rows) cells.push_back(cells_of(row));
  print(table({"NAME", "TOKEN", "BITS", "MODE", "PEERS"}, cells));
  return {};
}

Status psk_remove(const PskRemoveOptions& options) {
  if (auto good = check_key_name(options.name); !good) return good;
  const auto paths = config::find_pool(options.pool);
  if (!paths) return fail(paths.error());
  auto keeper = KeyAdmin::open(*paths);
  if (!keeper) return fail(std::move(keeper.error()));
  const auto done = keeper->ask(KeyAdminKind::psk_remove, wire::encode(wire::PskRemove{options.name}), KeyAdminKind::done);
  if (!done) return fail(done.error());
  print(fmt::format("the shared key {} is gone from its token; connections that it protects go on\n", options.name));
  return {};
}

}  // namespace tlspool::cli
