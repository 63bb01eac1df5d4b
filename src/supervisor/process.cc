// SPDX-License-Identifier: Apache-2.0
#include "supervisor/process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>

#include "base/socket.h"

namespace tlspool::supervisor {
namespace {

constexpr int channel_fd = 3;
constexpr int report_fd = 4;

void reset_signals() {
  for (const int number : {SIGCHLD, SIGTERM}) signal(number, SIG_DFL);
  // A terminal sends these to the whole group; only the supervisor decides what they mean.
  for (const int number : {SIGINT, SIGHUP}) signal(number, SIG_IGN);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

// Moves the two sockets out of the way first: either may already have the other's number.
Status arrange_descriptors(int channel, int report) {
  const int c = fcntl(channel, F_DUPFD_CLOEXEC, 10);
  const int r = fcntl(report, F_DUPFD_CLOEXEC, 10);
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (c < 0 || r < 0 || null < 0) return fail(system_error("open", "/dev/null", errno));
  if (dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(c, channel_fd) < 0 || dup3(r, report_fd, O_CLOEXEC) < 0) {
    return fail(system_error("dup2", "", errno));
  }
  if (close_range(report_fd + 1, UINT_MAX, 0) != 0) return fail(system_error("close_range", "", errno));
  return {};
}

// It sees its channel close when the supervisor is gone, but not while it is stopped, or waits inside a token.
Status end_with(pid_t parent) {
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return fail(system_error("prctl", "PR_SET_PDEATHSIG", errno));
  if (getppid() != parent) return fail({Code::closed, "start", "", "the supervisor is gone", {}});
  return {};
}

Status prepare(const StartAs& as, pid_t parent) {
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
  if (as.user) {
    if (auto done = become(*as.user); !done) return done;
  }
  return end_with(parent);  // after the change of user, which forgets it
}

// A handshake makes and frees a thousand small pieces of memory, many more of a size than the 7 that glibc keeps at hand (mallopt(3) has no
// word for it). What an administrator has set counts.
void keep_more_memory_at_hand() { (void)setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=64", 0); }

[[noreturn]] void be_child(const StartAs& as, int channel, int report, pid_t parent) {
  Status done = arrange_descriptors(channel, report);
  const int to = done ? report_fd : report;
  reset_signals();
  if (done) done = prepare(as, parent);
  if (done) {
    std::string role = as.role;
    std::string arguments[] = {"tlspoold", "--process", role, "--channel", std::to_string(channel_fd)};
    std::array<char*, 6> argv{};
    for (std::size_t i = 0; i < 5; ++i) argv[i] = arguments[i].data();
    // The link of the kernel, not a path: what runs is this very file even while a package is upgraded, and
    // the directories above it need not be open to the child's user.
    keep_more_memory_at_hand();
    execv("/proc/self/exe", argv.data());
    done = fail(system_error("exec", "/proc/self/exe", errno));
  }
  const std::string text = done.error().text();
  (void)!write(to, text.data(), text.size());
  _exit(127);
}

}  // namespace

Result<Started> start_process(const StartAs& as) {
  auto pair = socket_pair(SOCK_STREAM, false);
  if (!pair) return fail(std::move(pair.error()));
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) return fail(system_error("pipe", "", errno));
  UniqueFd report_in{fds[0]};
  UniqueFd report_out{fds[1]};
  // A signal between fork and exec would run the parent's handler in the child.
  sigset_t all;
  sigset_t old;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &old);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) be_child(as, pair->second.get(), report_out.get(), parent);
  const int failed = errno;
  sigprocmask(SIG_SETMASK, &old, nullptr);
  if (pid < 0) return fail(system_error("fork", as.role, failed));
  report_out.reset();
  std::array<char, 1024> text{};
  ssize_t n;
  do {
    n = read(report_in.get(), text.data(), text.size());  // ends at exec or exit: both are near
  } while (n < 0 && errno == EINTR);
  if (n > 0) {
    waitpid(pid, nullptr, 0);
    return fail({Code::io, "start the " + as.role, "", std::string(text.data(), static_cast<std::size_t>(n)), {}});
  }
  return Started{pid, std::move(pair->first)};
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
