// SPDX-License-Identifier: Apache-2.0
#include "cli/users.h"

#include <pwd.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "cli/output.h"

namespace tlspool::cli {
namespace {

Status add_user(const std::string& name) {
  std::string user = name;
  std::array<const char*, 7> arguments{"useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin",
                                       user.c_str(), nullptr};
  const char* program = access("/usr/sbin/useradd", X_OK) == 0 ? "/usr/sbin/useradd" : "useradd";
  pid_t child = -1;
  const int rc = posix_spawnp(&child, program, nullptr, nullptr, const_cast<char**>(arguments.data()), environ);
  if (rc != 0) return fail(system_error("useradd", name, rc));
  int state = 0;
  while (waitpid(child, &state, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(state) || WEXITSTATUS(state) != 0) {
    return fail({Code::io, "useradd", name, "it failed", "make this user yourself, or name others in [users]"});
  }
  print("made the system user " + name + "\n");
  return {};
}

}  // namespace

Result<RunAs> find_user(const std::string& name) {
  const passwd* user = getpwnam(name.c_str());
  if (user == nullptr) {
    return fail({Code::not_found, "user", name, "no such user",
                 "useradd --system --no-create-home --shell /usr/sbin/nologin " + name});
  }
  return RunAs{user->pw_uid, user->pw_gid};
}

Status ensure_users(const config::Users& users) {
  for (const std::string& name : {users.keeper, users.worker, users.judge, users.fetcher, users.metrics, users.hook}) {
    if (find_user(name)) continue;
    if (auto added = add_user(name); !added) return added;
  }
  return {};
}

}  // namespace tlspool::cli
