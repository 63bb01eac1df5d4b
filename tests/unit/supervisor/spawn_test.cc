// SPDX-License-Identifier: Apache-2.0
#include "supervisor/spawn.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>

#include "base/fd.h"

namespace tlspool::supervisor {
namespace {

struct Pipe {
  Pipe() {
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    out = UniqueFd{ends[0]};
    in = UniqueFd{ends[1]};
  }
  /// All that whoever has `in` writes to it before he ends.
  std::string read_all() {
    in.reset();
    std::string text;
    std::array<char, 512> some{};
    for (ssize_t n = 0; (n = read(out.get(), some.data(), some.size())) > 0;) text.append(some.data(), static_cast<std::size_t>(n));
    return text;
  }
  UniqueFd out;
  UniqueFd in;
};

Spawn shell(const std::string& script, std::vector<int> descriptors) {
  Spawn plan;
  plan.operation = "start the test's shell";
  plan.file = "/bin/sh";
  plan.arguments = {"sh", "-c", script};
  plan.descriptors = std::move(descriptors);
  plan.prepare = [] { return Status{}; };
  return plan;
}

void expect_success_of(const Result<pid_t>& pid) {
  ASSERT_TRUE(pid) << pid.error().text();
  int status = 0;
  ASSERT_EQ(waitpid(*pid, &status, 0), *pid);
  EXPECT_EQ(status, 0);
}

TEST(Spawn, GivesTheDescriptorsThatAreNamedAndNoOthers) {
  Pipe out;
  const Pipe other;
  const auto pid = spawn(shell("for fd in 0 1 2 3 4 5 6 7 8 9; do test -e /proc/$$/fd/$fd && echo $fd; done; true", {dev_null, out.in.get(), STDERR_FILENO, dev_null}));
  EXPECT_EQ(out.read_all(), "0\n1\n2\n3\n");
  expect_success_of(pid);
}

TEST(Spawn, GivesADescriptorUnderTheNumberThatAnotherOneHasHere) {
  Pipe a;
  Pipe b;
  ASSERT_LT(a.in.get(), 10);
  ASSERT_LT(b.in.get(), 10);
  std::vector<int> crossed(10, dev_null);
  crossed[static_cast<std::size_t>(a.in.get())] = b.in.get();
  crossed[static_cast<std::size_t>(b.in.get())] = a.in.get();
  const auto pid = spawn(shell("echo to a >&" + std::to_string(b.in.get()) + "; echo to b >&" + std::to_string(a.in.get()), crossed));
  EXPECT_EQ(a.read_all(), "to a\n");
  EXPECT_EQ(b.read_all(), "to b\n");
  expect_success_of(pid);
}

TEST(Spawn, GivesTheEnvironmentThatIsNamed) {
  Pipe out;
  Spawn plan = shell("", {dev_null, out.in.get(), STDERR_FILENO});
  plan.file = "/usr/bin/env";
  plan.arguments = {"env"};
  plan.environment = {"COLOUR=blue", "SHAPE=round"};
  const auto pid = spawn(plan);
  EXPECT_EQ(out.read_all(), "COLOUR=blue\nSHAPE=round\n");
  expect_success_of(pid);
}

TEST(Spawn, IgnoresTheSignalsThatAreNamedAndNoOthers) {
  Pipe out;
  signal(SIGUSR1, SIG_IGN);
  Spawn plan = shell("kill -HUP $$; echo lives on; kill -USR1 $$; echo lives too long", {dev_null, out.in.get(), STDERR_FILENO});
  plan.ignored_signals = {SIGHUP};
  const auto pid = spawn(plan);
  signal(SIGUSR1, SIG_DFL);
  EXPECT_EQ(out.read_all(), "lives on\n");
  ASSERT_TRUE(pid);
  int status = 0;
  ASSERT_EQ(waitpid(*pid, &status, 0), *pid);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1) << status;
}

TEST(Spawn, SaysWhyTheNewProcessCouldNotBePreparedAndWaitsForIt) {
  Pipe out;
  Spawn plan = shell("true", {dev_null, out.in.get(), STDERR_FILENO});
  plan.prepare = [] {
    dprintf(STDOUT_FILENO, "%d", getpid());
    return Status{fail({Code::config, "enter", "/somewhere", "it is closed", "open it"})};
  };
  const auto pid = spawn(plan);
  ASSERT_FALSE(pid);
  EXPECT_EQ(pid.error().text(), "start the test's shell: enter: /somewhere: it is closed; open it");
  EXPECT_EQ(kill(std::stoi(out.read_all()), 0), -1) << "it is still there";
}

TEST(Spawn, SaysWhyTheProgramCouldNotBeExecuted) {
  Spawn plan = shell("true", {dev_null, dev_null, STDERR_FILENO});
  plan.subject = "the shell";
  plan.file = "/nowhere/sh";
  const auto pid = spawn(plan);
  ASSERT_FALSE(pid);
  EXPECT_EQ(pid.error().text(), "start the test's shell: the shell: exec: /nowhere/sh: No such file or directory");
}

}  // namespace
}  // namespace tlspool::supervisor
