// SPDX-License-Identifier: Apache-2.0
#include "supervisor/process.h"

#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "base/socket.h"
#include "supervisor/spawn.h"

namespace tlspool::supervisor {
namespace {

constexpr int channel_fd = 3;

// A handshake makes and frees a thousand small pieces of memory, many more of a size than the 7 that glibc keeps at hand (mallopt(3) has no
// word for it). What an administrator has set counts.
void keep_more_memory_at_hand() { (void)setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=64", 0); }

Status prepare(const StartAs& as) {
  keep_more_memory_at_hand();
  if (auto done = hand_over(as.credentials); !done) return done;
  // The directories above may be closed to its user, and its own directory to a root without CAP_DAC_OVERRIDE.
  if (!as.directory.empty() && chdir(as.directory.c_str()) != 0) {
    if (errno == EACCES && as.user) {
      if (auto done = become(*as.user); !done) return done;
      if (chdir(as.directory.c_str()) == 0) return {};
    }
    Error e = system_error("chdir", as.directory, errno);
    e.advice = "make the pool with `tlspool init`";
    return fail(std::move(e));
  }
  return as.user ? become(*as.user) : Status{};
}

}  // namespace

Result<Started> start_process(const StartAs& as) {
  auto pair = socket_pair(SOCK_STREAM, false);
  if (!pair) return fail(std::move(pair.error()));
  Spawn plan;
  plan.operation = "start the " + as.role;
  // The link of the kernel, not a path: what runs is this very file even while a package is upgraded, and
  // the directories above it need not be open to the child's user.
  plan.file = "/proc/self/exe";
  plan.arguments = {"tlspoold", "--process", as.role, "--channel", std::to_string(channel_fd)};
  plan.descriptors = {dev_null, dev_null, STDERR_FILENO, pair->second.get()};
  // A terminal sends these to the whole group; only the supervisor decides what they mean.
  plan.ignored_signals = {SIGINT, SIGHUP};
  plan.prepare = [&as] { return prepare(as); };
  const auto pid = spawn(plan);
  if (!pid) return fail(pid.error());
  return Started{*pid, std::move(pair->first)};
}

std::string describe_end(int status) {
  if (WIFEXITED(status)) return "exit status " + std::to_string(WEXITSTATUS(status));
  const int number = WTERMSIG(status);
  return "signal " + std::to_string(number) + " (" + strsignal(number) + ")";
}

Result<RunAs> find_user(const std::string& name) {
  errno = 0;
  const passwd* found = getpwnam(name.c_str());
  if (found == nullptr) {
    return fail({Code::config, "user", name, "this system has no such user, and as root every process runs as one of its own",
                 "run `tlspool init` as root, or `useradd --system --user-group --no-create-home --shell /usr/sbin/nologin " +
                     name + "`"});
  }
  if (found->pw_uid == 0) {
    return fail({Code::config, "user", name, "it is root, which the processes of the pool must not be",
                 "name another user in [users]"});
  }
  return RunAs{found->pw_uid, found->pw_gid};
}

}  // namespace tlspool::supervisor
