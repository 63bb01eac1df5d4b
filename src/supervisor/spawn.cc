// SPDX-License-Identifier: Apache-2.0
#include "supervisor/spawn.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>

#include "base/fd.h"

namespace tlspool::supervisor {
namespace {

// All of them go out of the way first: each may already have another's number. What is opened here ends at the exec. Changes `report`
// to its new number.
Status arrange_descriptors(const std::vector<int>& wanted, int& report) {
  const int count = static_cast<int>(wanted.size());
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) return fail(system_error("open", "/dev/null", errno));
  std::vector<int> safe;
  for (const int fd : wanted) safe.push_back(fd == dev_null ? null : fd);
  safe.push_back(report);
  for (int& fd : safe) {
    fd = fcntl(fd, F_DUPFD_CLOEXEC, count + 1);
    if (fd < 0) return fail(system_error("fcntl", "F_DUPFD_CLOEXEC", errno));
  }
  if (dup3(safe.back(), count, O_CLOEXEC) < 0) return fail(system_error("dup3", "", errno));
  report = count;
  for (int i = 0; i < count; ++i) {
    if (dup2(safe[static_cast<std::size_t>(i)], i) < 0) return fail(system_error("dup2", "", errno));
  }
  if (close_range(static_cast<unsigned>(count) + 1, UINT_MAX, 0) != 0) return fail(system_error("close_range", "", errno));
  return {};
}

void reset_signals(const std::vector<int>& ignored) {
  for (int number = 1; number < NSIG; ++number) signal(number, SIG_DFL);
  for (const int number : ignored) signal(number, SIG_IGN);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

// Whoever has a channel to the supervisor sees it close, but not while it is stopped, or waits inside a token.
Status end_with(pid_t parent) {
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return fail(system_error("prctl", "PR_SET_PDEATHSIG", errno));
  if (getppid() != parent) return fail({Code::closed, "start", "", "the supervisor is gone", {}});
  return {};
}

std::vector<char*> pointers_to(std::vector<std::string>& words) {
  std::vector<char*> out;
  for (std::string& word : words) out.push_back(word.data());
  out.push_back(nullptr);
  return out;
}

[[noreturn]] void be_child(const Spawn& plan, int report, pid_t parent) {
  Status done = arrange_descriptors(plan.descriptors, report);
  reset_signals(plan.ignored_signals);
  std::vector<std::string> words = plan.arguments;
  const std::vector<char*> argv = pointers_to(words);
  std::vector<std::string> settings = plan.environment.value_or(std::vector<std::string>{});
  const std::vector<char*> environment = pointers_to(settings);
  if (done) done = plan.prepare();
  if (done) done = end_with(parent);
  if (done) {
    execve(plan.file.c_str(), argv.data(), plan.environment ? environment.data() : environ);
    done = fail(system_error("exec", plan.file, errno));
  }
  const std::string text = done.error().text();
  (void)!write(report, text.data(), text.size());
  _exit(127);
}

/// What the new process says before it ends; nothing where its program started, which closes the pipe.
std::string hear(int report) {
  std::array<char, 1024> text{};
  ssize_t n;
  do {
    n = read(report, text.data(), text.size());  // ends at exec or exit: both are near
  } while (n < 0 && errno == EINTR);
  return {text.data(), n > 0 ? static_cast<std::size_t>(n) : 0};
}

}  // namespace

Result<pid_t> spawn(const Spawn& plan) {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) return fail(system_error("pipe", "", errno));
  const UniqueFd report_in{fds[0]};
  UniqueFd report_out{fds[1]};
  // A signal between fork and exec would run the parent's handler in the child.
  sigset_t all;
  sigset_t old;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &old);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) be_child(plan, report_out.get(), parent);
  const int failed = errno;
  sigprocmask(SIG_SETMASK, &old, nullptr);
  if (pid < 0) return fail(system_error(plan.operation, plan.subject, failed));
  report_out.reset();
  if (std::string reason = hear(report_in.get()); !reason.empty()) {
    waitpid(pid, nullptr, 0);
    return fail({Code::io, plan.operation, plan.subject, std::move(reason), {}});
  }
  return pid;
}

}  // namespace tlspool::supervisor
