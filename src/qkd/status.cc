// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/text.h"
#include "cli/admin.h"
#include "cli/output.h"
#include "cli/qkd_commands.h"
#include "config/paths.h"
#include "qkd/counts.h"
#include "qkd/keys.h"

namespace tlspool::cli {

Status qkd_status(const QkdStatusOptions& options) {
  const auto paths = config::find_pool(options.pool);
  if (!paths) return fail(paths.error());
  auto keys = qkd::Keys::open(*paths);
  if (!keys) return fail(std::move(keys.error()));
  auto rows = keys->counts();
  if (!rows) return fail(std::move(rows.error()));
  if (!options.peer.empty()) {
    const auto wanted = normal_identity(options.peer);
    if (!wanted) return fail(wanted.error());
    std::erase_if(*rows, [&](const wire::KeyCount& row) { return row.peer != *wanted; });
    if (rows->empty()) {
      return fail({Code::not_found, "peer", printable(options.peer), "no [[peer]] of this name is in the running configuration",
                   command_for(*paths) + " qkd status names them"});
    }
  }
  if (options.output == Output::json) {
    print_json(qkd::counts_json(*rows));
  } else if (rows->empty()) {
    print("no [[peer]] is configured\n");
  } else {
    print(qkd::counts_table(*rows));
  }
  std::string wrong;
  bool any_low = false;
  for (const wire::KeyCount& row : *rows) {
    any_low = any_low || qkd::low(row);
    if (!qkd::low(row) && row.problem.empty()) continue;
    wrong += (wrong.empty() ? "" : ", ") + printable(row.peer) + (qkd::low(row) ? " runs low" : " has a problem");
  }
  if (wrong.empty()) return {};
  return fail({Code::busy, "shared keys", "", wrong,
               any_low ? "fill the token: " + command_for(*paths) + " qkd fetch PEER, or qkd import PEER" : ""});
}

}  // namespace tlspool::cli
