// SPDX-License-Identifier: Apache-2.0
// Keys that connections with the configured peers need.
#include <fmt/format.h>

#include "base/text.h"
#include "cli/admin.h"
#include "cli/doctor.h"
#include "cli/key_admin.h"

namespace tlspool::cli {
namespace {

void check_row(Findings& findings, const config::Paths& paths, const wire::KeyCount& row) {
  const std::string what = "shared keys of " + printable(row.peer);
  if (!row.problem.empty()) {
    return findings.problem(what, {Code::not_found, "", "", printable(row.problem, 1024), {}});
  }
  if (row.source != wire::KeySource::token || row.use != wire::KeyUse::psk) return findings.ok(what);
  const bool none = ((row.roles & wire::role_client) != 0 && row.as_client == 0) ||
                    ((row.roles & wire::role_server) != 0 && row.as_server == 0);
  const std::string left = fmt::format("{} left as client, {} as server", row.as_client, row.as_server);
  if (!none) return findings.ok(what, left);
  findings.problem(what, {Code::not_found, "", "store=" + printable(row.store), left,
                          fmt::format("fill the token: {} qkd fetch {}", command_for(paths), row.peer)});
}

}  // namespace

void check_shared_keys(Findings& findings, const config::Paths& paths, const config::Config& config) {
  if (config.peers.empty()) return;
  auto keeper = KeyAdmin::open(paths);
  // Why there is no daemon is another check's to say.
  if (!keeper) return findings.skipped("shared keys", keeper.error().reason);
  const auto counted = keeper->ask<wire::KeyCounted>(wire::KeyAdminKind::key_status, wire::KeyAdminKind::key_counted);
  if (!counted) return findings.problem("shared keys", counted.error());
  for (const wire::KeyCount& row : counted->rows) check_row(findings, paths, row);
}

}  // namespace tlspool::cli
