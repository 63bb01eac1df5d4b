// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <ctime>

#include "base/text.h"
#include "cli/admin.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "wire/session_row.h"

namespace tlspool::cli {
namespace {

std::string token_line(const wire::Value& token, const config::Paths& paths) {
  const std::string name = token.text("name");
  const std::string state = token.text("state");
  std::string out = fmt::format("token     {}: ", printable(name));
  if (state == "ready") return out + fmt::format("ready ({})\n", or_dash(token, "label"));
  if (state == "locked") return out + fmt::format("waits for its PIN; {} pin {}\n", command_for(paths), name);
  if (state == "pinRejected") {
    return out + fmt::format("refused its PIN, which is not tried again; {} pin {}\n", command_for(paths), name);
  }
  return out + fmt::format("{}: {}\n", state, or_dash(token, "problem"));
}

std::string outcomes_line(const wire::Value& o) {
  std::string out = fmt::format("outcomes  {} remembered; {} questions decided, {} remembered here, {} by the cluster\n", o.number("entries"),
                                o.number("judged"), o.number("recalled"), o.number("shared"));
  if (o.number("worthless") > 0) out += fmt::format("          {} entries from memcached were worthless\n", o.number("worthless"));
  if (o.number("serversAway") > 0) out += fmt::format("          {} servers of memcached are left out\n", o.number("serversAway"));
  return out;
}

}  // namespace

Status status(const StatusOptions& options) {
  const auto paths = config::find_pool(options.pool);
  if (!paths) return fail(paths.error());
  const auto reply = call_admin(*paths, "Status");
  if (!reply) return fail(reply.error());
  const wire::Value& s = reply->parameters;
  if (options.output == Output::json) {
    print_json(s);
    return {};
  }
  print(fmt::format("pool      {}\n", printable(s.text("pool"), 4096)));
  print(fmt::format("daemon    tlspoold {}, up {}\n", printable(s.text("version")),
                    duration(std::time(nullptr) - s.number("started"))));
  std::string processes;
  for (const wire::Value& p : elements(s, "processes")) {
    processes += fmt::format("{}{} ({}", processes.empty() ? "" : ", ", or_dash(p, "name"), p.number("pid"));
    if (p.number("restarts") > 0) processes += fmt::format(", started again {} times", p.number("restarts"));
    if (p.flag("draining")) processes += ", draining";
    processes += ")";
  }
  print(fmt::format("processes {}\n", processes));
  for (const wire::Value& token : elements(s, "tokens")) print(token_line(token, *paths));
  for (const wire::Value& c : elements(s, "credentials")) {
    print(fmt::format("identity  {} ({}, token {}): {}\n", or_dash(c, "identity"), or_dash(c, "keyType"),
                      or_dash(c, "token"), c.flag("usable") ? "usable" : or_dash(c, "problem")));
  }
  print(fmt::format("sessions  {} open, {} handshakes under way\n", s.number("sessions"), s.number("handshakes")));
  print(fmt::format("since     {} handshakes completed, {} of them resumed; {} failed\n", s.number("completed"),
                    s.number("resumed"), s.number("failed")));
  print(fmt::format("trust     {} anchors\n", s.number("trustAnchors")));
  if (const wire::Value* o = s.find("outcomes"); o != nullptr && o->members() != nullptr) print(outcomes_line(*o));
  if (s.flag("ticketKeyShared")) print("tickets   are read by the other pools of the cluster, too\n");
  return {};
}

Status sessions(const StatusOptions& options) {
  const auto paths = config::find_pool(options.pool);
  if (!paths) return fail(paths.error());
  const auto reply = call_admin(*paths, "Sessions");
  if (!reply) return fail(reply.error());
  const wire::Value* found = reply->parameters.find("sessions");
  if (options.output == Output::json) {
    print_json(found != nullptr ? *found : wire::Value::array());
    return {};
  }
  std::vector<std::vector<std::string>> rows;
  const std::int64_t now = std::time(nullptr);
  for (const wire::Value& element : elements(reply->parameters, "sessions")) {
    const wire::SessionRow row = wire::session_row_of(element);
    rows.push_back({or_dash(row.id).substr(0, 12), or_dash(row.role), or_dash(row.local_identity), or_dash(row.remote_identity), or_dash(row.version),
                    fmt::format("{}/{}", row.uid, row.pid), duration(now - row.started), byte_count(row.sent), byte_count(row.received),
                    row.draining ? "draining" : ""});
  }
  if (rows.empty()) {
    print("no open sessions\n");
    return {};
  }
  print(table({"ID", "ROLE", "LOCAL", "REMOTE", "TLS", "UID/PID", "AGE", "SENT", "RECEIVED", ""}, rows));
  return {};
}

Status reload(const std::string& pool) {
  const auto paths = config::find_pool(pool);
  if (!paths) return fail(paths.error());
  const auto reply = call_admin(*paths, "Reload");
  if (!reply) return fail(reply.error());
  print("the new configuration is in force\n");
  return {};
}

Status upgrade(const std::string& pool) {
  const auto paths = config::find_pool(pool);
  if (!paths) return fail(paths.error());
  const auto reply = call_admin(*paths, "Upgrade", wire::Value::object(), std::chrono::seconds(120));
  if (!reply) return fail(reply.error());
  print(fmt::format("process {} serves now; open sessions go on in the old one\n", reply->parameters.number("process", 0)));
  return {};
}

}  // namespace tlspool::cli
