// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "base/text.h"
#include "cli/admin.h"
#include "cli/output.h"
#include "cli/trust_commands.h"

namespace tlspool::cli {
namespace {

std::string words_of(const wire::Value& row) {
  std::string out = or_dash(row, "by") + " " + or_dash(row, "what");
  return row.find("issuer") == nullptr ? out : out + " of " + or_dash(row, "issuer");
}

}  // namespace

Status revoke(const RevokeOptions& options) {
  const auto paths = config::find_pool(options.pool);
  if (!paths) return fail(paths.error());
  const bool undo = options.direction == RevokeOptions::Direction::undo;
  wire::Value parameters = wire::Value::object().set("what", options.what);
  if (!options.issuer.empty()) parameters.set("issuer", options.issuer);
  const auto reply = call_admin(*paths, undo ? "Unrevoke" : "Revoke", std::move(parameters));
  if (!reply) return fail(reply.error());
  const wire::Value* row = reply->parameters.find("revoked");
  const std::string words = row == nullptr ? printable(options.what) : words_of(*row);
  const bool news = reply->parameters.flag("news");
  if (undo) {
    if (!news) return fail({Code::not_found, "revoke --undo", words, "it is not revoked", command_for(*paths) + " revoke list"});
    print(fmt::format("{} is not revoked any more\n", words));
    return {};
  }
  const std::int64_t sessions = reply->parameters.number("sessions");
  print(fmt::format("{} {} revoked; {} {} ended\n", words, news ? "is" : "was already", sessions, sessions == 1 ? "session was" : "sessions were"));
  return {};
}

Status revoke_list(const RevokeListOptions& options) {
  const auto paths = config::find_pool(options.pool);
  if (!paths) return fail(paths.error());
  wire::Value all = wire::Value::array();
  for (bool more = true; more;) {
    const auto reply = call_admin(*paths, "ListRevoked", wire::Value::object().set("from", all.elements()->size()));
    if (!reply) return fail(reply.error());
    const std::size_t before = all.elements()->size();
    for (const wire::Value& row : elements(reply->parameters, "revoked")) all.push(row);
    more = reply->parameters.flag("more") && all.elements()->size() > before;
  }
  if (options.output == Output::json) {
    print_json(all);
    return {};
  }
  if (all.elements()->empty()) {
    print("nobody is revoked\n");
    return {};
  }
  std::vector<std::vector<std::string>> rows;
  for (const wire::Value& row : *all.elements()) {
    rows.push_back({or_dash(row, "by"), or_dash(row, "what"), or_dash(row, "issuer"), timestamp(row.number("added"))});
  }
  print(table({"BY", "WHAT", "ISSUER", "SINCE"}, rows));
  return {};
}

}  // namespace tlspool::cli
