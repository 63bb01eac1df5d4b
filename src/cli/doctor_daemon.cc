// SPDX-License-Identifier: Apache-2.0
// The running daemon and its sockets.
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/socket.h"
#include "base/text.h"
#include "cli/admin.h"
#include "cli/doctor.h"
#include "cli/files.h"

namespace tlspool::cli {
namespace {

void check_programs_socket(Findings& findings, const config::Paths& paths) {
  const std::string path = paths.programs_socket();
  struct stat info {};
  if (stat(path.c_str(), &info) == 0 && (info.st_mode & S_IWOTH) == 0) {
    return findings.problem("programs' socket", {Code::denied, "permissions", path, "other users can't connect",
                                                 "restart tlspoold, which sets them; [[allow]] decides who may"});
  }
  if (const auto fd = connect_unix(path); !fd) return findings.problem("programs' socket", fd.error());
  findings.ok("programs' socket", path);
}

/// States of tokens and keys that only the daemon knows: a PIN that waits, a key not yet loaded.
void check_state(Findings& findings, const wire::Value& status, std::string_view list, std::string_view name,
                 const std::string& advice) {
  const wire::Value* rows = status.find(list);
  if (rows == nullptr || rows->elements() == nullptr) return;
  for (const wire::Value& row : *rows->elements()) {
    const bool good = list == "tokens" ? row.text("state") == "ready" : row.flag("usable");
    const std::string what = fmt::format("daemon: {} {}", list == "tokens" ? "token" : "key of", printable(row.text(name)));
    if (good) {
      findings.ok(what);
      continue;
    }
    const std::string state = row.text("state");
    const std::string reason = row.text("problem").empty() ? state : row.text("problem");
    findings.problem(what, {Code::token_failed, "", "", printable(reason, 1024),
                            state == "locked" || state == "pinRejected" ? advice : ""});
  }
}

}  // namespace

void check_daemon(Findings& findings, const config::Paths& paths) {
  if (paths.programs_socket().size() > 107) {
    findings.skipped("socket path", "longer than 107 bytes; programs of others can't connect to it (unix(7))");
  }
  const auto reply = call_admin(paths, "Status");
  if (!reply && reply.error().code == Code::denied) {
    findings.skipped("daemon", reply.error().text());
    return check_programs_socket(findings, paths);
  }
  if (!reply) return findings.problem("daemon", reply.error());
  findings.ok("daemon", "tlspoold " + printable(reply->parameters.text("version")) + " answers");
  check_programs_socket(findings, paths);
  check_state(findings, reply->parameters, "tokens", "name", command_for(paths) + " pin gives it one");
  check_state(findings, reply->parameters, "credentials", "identity", {});
}

}  // namespace tlspool::cli
