// SPDX-License-Identifier: Apache-2.0
#include "supervisor/hook_process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <filesystem>
#include <fstream>

#include "base/socket.h"

namespace tlspool::supervisor {
namespace {

constexpr int hook_report_fd = 3;
constexpr rlim_t most_files = 256;

struct Ends {
  int socket;
  int error_output;
  int report;
};

// Moves them out of the way first: each may already have another's number.
Status arrange_descriptors(Ends& ends) {
  for (int* fd : {&ends.socket, &ends.error_output, &ends.report}) {
    *fd = fcntl(*fd, F_DUPFD_CLOEXEC, 10);
    if (*fd < 0) return fail(system_error("fcntl", "", errno));
  }
  if (dup2(ends.socket, 0) < 0 || dup2(ends.socket, 1) < 0 || dup2(ends.error_output, 2) < 0 || dup3(ends.report, hook_report_fd, O_CLOEXEC) < 0) {
    return fail(system_error("dup2", "", errno));
  }
  ends.report = hook_report_fd;
  if (close_range(hook_report_fd + 1, UINT_MAX, 0) != 0) return fail(system_error("close_range", "", errno));
  return {};
}

void default_signals() {
  for (int number = 1; number < NSIG; ++number) signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

Status limit(__rlimit_resource what, rlim_t most, const char* name) {
  const rlimit value{most, most};
  return setrlimit(what, &value) == 0 ? Status{} : fail(system_error("setrlimit", name, errno));
}

Status prepare(const StartHook& as, rlim_t tasks, pid_t parent) {
  // Its own session: what it forks is in its group, no terminal reaches it, and all of it ends by one signal.
  if (setsid() < 0) return fail(system_error("setsid", "", errno));
  if (chdir("/") != 0) return fail(system_error("chdir", "/", errno));
  umask(077);
  if (auto done = as.user ? become(*as.user) : refuse_dumps(); !done) return done;
  // After the change of user, which forgets it.
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return fail(system_error("prctl", "PR_SET_PDEATHSIG", errno));
  if (getppid() != parent) return fail({Code::closed, "start", "", "the supervisor is gone", {}});
  if (auto done = limit(RLIMIT_NOFILE, most_files, "RLIMIT_NOFILE"); !done) return done;
  if (auto done = limit(RLIMIT_NPROC, tasks, "RLIMIT_NPROC"); !done) return done;
  return limit(RLIMIT_AS, rlim_t{as.memory} << 20, "RLIMIT_AS");
}

[[noreturn]] void be_hook(const StartHook& as, Ends ends, rlim_t tasks, pid_t parent) {
  Status done = arrange_descriptors(ends);
  default_signals();
  if (done) done = prepare(as, tasks, parent);
  if (done) {
    std::vector<std::string> words = as.program;
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    char home[] = "HOME=/";
    char language[] = "LANG=C.UTF-8";
    std::array<char*, 4> environment{path, home, language, nullptr};
    execve(argv[0], argv.data(), environment.data());
    done = fail(system_error("exec", as.program[0], errno));
  }
  const std::string text = done.error().text();
  (void)!write(ends.report, text.data(), text.size());
  _exit(127);
}

// A number behind a name in a file of the kernel, such as "Threads:\t4".
std::uint32_t number_behind(const std::string& line, std::size_t at) {
  std::uint32_t out = 0;
  at = line.find_first_of("0123456789", at);
  if (at != std::string::npos) std::from_chars(line.data() + at, line.data() + line.size(), out);
  return out;
}

std::uint32_t tasks_if_of(uid_t uid, const std::string& status_file) {
  std::ifstream in(status_file);
  bool own = false;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("Uid:")) own = number_behind(line, 4) == uid;
    if (own && line.starts_with("Threads:")) return number_behind(line, 8);
  }
  return 0;
}

}  // namespace

std::uint32_t tasks_of(uid_t uid) {
  std::uint32_t out = 0;
  std::error_code failed;
  for (std::filesystem::directory_iterator entry("/proc", failed), end; !failed && entry != end; entry.increment(failed)) {
    const std::string name = entry->path().filename().string();
    if (name[0] >= '1' && name[0] <= '9') out += tasks_if_of(uid, entry->path().string() + "/status");
  }
  return out;
}

Result<StartedHook> start_hook(const StartHook& as) {
  auto pair = socket_pair(SOCK_STREAM, false);
  if (!pair) return fail(std::move(pair.error()));
  int report[2];
  int errors[2];
  if (pipe2(report, O_CLOEXEC) != 0) return fail(system_error("pipe", "", errno));
  UniqueFd report_in{report[0]};
  UniqueFd report_out{report[1]};
  if (pipe2(errors, O_CLOEXEC) != 0) return fail(system_error("pipe", "", errno));
  UniqueFd errors_in{errors[0]};
  UniqueFd errors_out{errors[1]};
  // The process itself is one of them.
  const rlim_t tasks = rlim_t{tasks_of(as.user ? as.user->uid : getuid())} + 1 + as.processes;
  const pid_t parent = getpid();
  // A signal between fork and exec would run the parent's handler in the child.
  sigset_t all;
  sigset_t old;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &old);
  const pid_t pid = fork();
  if (pid == 0) be_hook(as, {pair->second.get(), errors_out.get(), report_out.get()}, tasks, parent);
  const int failed = errno;
  sigprocmask(SIG_SETMASK, &old, nullptr);
  if (pid < 0) return fail(system_error("fork", as.program[0], failed));
  report_out.reset();
  std::array<char, 1024> text{};
  ssize_t n;
  do {
    n = read(report_in.get(), text.data(), text.size());  // ends at exec or exit: both are near
  } while (n < 0 && errno == EINTR);
  if (n > 0) {
    waitpid(pid, nullptr, 0);
    return fail({Code::io, "start the hook's program", as.program[0], std::string(text.data(), static_cast<std::size_t>(n)), {}});
  }
  fcntl(errors_in.get(), F_SETFL, fcntl(errors_in.get(), F_GETFL) | O_NONBLOCK);
  return StartedHook{pid, std::move(pair->first), std::move(errors_in)};
}

}  // namespace tlspool::supervisor
