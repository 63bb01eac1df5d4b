// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <vector>

#include "base/fd.h"
#include "cli/agent.h"

extern char** environ;

namespace tlspool::cli {
namespace {

std::string json_of(const AgentQuestion& q) {
  return wire::to_json(wire::Value::object()
                           .set("localIdentity", q.local)
                           .set("remoteIdentity", wire::or_null(q.remote))
                           .set("proved", q.proved)
                           .set("role", q.role)
                           .set("service", wire::or_null(q.service))
                           .set("pid", q.pid)
                           .set("program", q.program())
                           .set("rule", q.rule)
                           .set("patienceMs", q.patience_ms)) +
         "\n";
}

AgentAnswer answer_of(int status) {
  if (!WIFEXITED(status)) return AgentAnswer::not_now;
  switch (WEXITSTATUS(status)) {
    case 0: return AgentAnswer::once;
    case 2: return AgentAnswer::session;
    case 3: return AgentAnswer::always;
    case 4: return AgentAnswer::never;
    default: return AgentAnswer::not_now;
  }
}

class Program : public AgentPerson {
 public:
  Program(Loop& loop, std::string path) : loop_(loop), path_(std::move(path)), bury_(loop) {}
  ~Program() override {
    for (const auto& child : children_) {
      kill(child->pid, SIGTERM);
    }
  }

  void ask(const AgentQuestion& question, OnAnswer on_answer) override {
    on_answer_ = std::move(on_answer);
    if (start(json_of(question))) return;
    std::fprintf(stderr, "tlspool: %s: %s; nothing is shown\n", path_.c_str(), std::strerror(errno));
    bury_.start(std::chrono::milliseconds{0}, [this] { answered(AgentAnswer::not_now); });
  }

  void withdraw() override {
    on_answer_ = nullptr;
    bury_.stop();
    if (asked_ != nullptr) kill(std::exchange(asked_, nullptr)->pid, SIGTERM);
  }

 private:
  struct Child {
    pid_t pid = 0;
    UniqueFd pidfd;
    std::unique_ptr<Poll> poll;
  };

  // False: errno says why.
  bool start(const std::string& input) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return false;
    const UniqueFd reading{ends[0]};
    const UniqueFd writing{ends[1]};
    // It fits into the pipe, so nobody waits for a program that does not read.
    if (write(writing.get(), input.data(), input.size()) != static_cast<ssize_t>(input.size())) return false;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, reading.get(), STDIN_FILENO);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t usual;
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    posix_spawnattr_setsigdefault(&attributes, &usual);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    char* const arguments[] = {path_.data(), nullptr};
    pid_t pid = 0;
    const int failed = posix_spawnp(&pid, path_.c_str(), &actions, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) {
      errno = failed;
      return false;
    }
    auto child = std::make_unique<Child>();
    child->pid = pid;
    child->pidfd = UniqueFd{static_cast<int>(syscall(SYS_pidfd_open, pid, O_NONBLOCK))};
    if (!child->pidfd.valid()) {
      const int number = errno;
      kill(pid, SIGKILL);
      waitpid(pid, nullptr, 0);
      errno = number;
      return false;
    }
    Child* raw = child.get();
    child->poll = std::make_unique<Poll>(loop_, child->pidfd.get(), [this, raw](int) { ended(raw); });
    child->poll->want(Poll::readable);
    asked_ = raw;
    children_.push_back(std::move(child));
    return true;
  }

  void ended(Child* child) {
    int status = 0;
    if (waitpid(child->pid, &status, WNOHANG) != child->pid) return;
    const bool current = child == asked_;
    std::erase_if(children_, [&](const auto& c) { return c.get() == child; });
    if (!current) return;
    asked_ = nullptr;
    answered(answer_of(status));
  }

  void answered(AgentAnswer answer) {
    if (const OnAnswer on_answer = std::exchange(on_answer_, nullptr)) on_answer(answer);
  }

  Loop& loop_;
  std::string path_;
  Timer bury_;  // a program that could not be started is answered for, on the loop's next round
  OnAnswer on_answer_;
  Child* asked_ = nullptr;
  std::vector<std::unique_ptr<Child>> children_;  // also those that were told to end and have not yet
};

}  // namespace

std::unique_ptr<AgentPerson> person_by_program(Loop& loop, const std::string& program) { return std::make_unique<Program>(loop, program); }

}  // namespace tlspool::cli
