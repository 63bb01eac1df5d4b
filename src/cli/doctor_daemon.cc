// SPDX-License-Identifier: Apache-2.0
// The running daemon and its sockets.
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/socket.h"
#include "base/text.h"
#include "cli/admin.h"
#include "cli/doctor.h"
#include "cli/output.h"

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

/// What only the daemon knows: a PIN that waits, a key not yet loaded.
void check_state(Findings& findings, const wire::Value& status) {
  for (const wire::Value& token : elements(status, "tokens")) {
    const std::string what = "daemon: token " + printable(token.text("name"));
    if (token.text("state") == "ready") {
      findings.ok(what);
    } else {
      findings.problem(what, {Code::token_failed, "", "", printable(token.text("problem", token.text("state")), 1024), {}});
    }
  }
  for (const wire::Value& c : elements(status, "credentials")) {
    const std::string what = fmt::format("daemon: key of {} in token {}", printable(c.text("identity")), or_dash(c, "token"));
    if (c.flag("usable")) {
      findings.ok(what);
    } else {
      findings.problem(what, {Code::token_failed, "", "", printable(c.text("problem"), 1024), {}});
    }
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
  check_state(findings, reply->parameters);
}

}  // namespace tlspool::cli
