// SPDX-License-Identifier: Apache-2.0
// Programs of hooks as real processes; the test has the judge's ends.
#include "supervisor/hook_programs.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>

#include "../turn_until.h"
#include "supervisor/hook_process.h"

namespace tlspool::supervisor {
namespace {

using namespace std::chrono_literals;

struct End {
  wire::HookEnd end;
  UniqueFd socket;
};

class Programs : public testing::Test {
 protected:
  Programs()
      : child_(loop_, SIGCHLD, [this](int) { programs_.reap(); }),
        programs_(loop_, [this](const wire::HookEnd& end, UniqueFd socket) { ends_.push_back({end, std::move(socket)}); }) {}

  static HookPrograms::Program shell(const std::string& name, const std::string& script, std::uint32_t count = 1) {
    HookPrograms::Program out;
    out.setup.name = name;
    out.setup.program = {"/bin/sh", "-c", script};
    out.setup.count = count;
    return out;
  }
  template <class Condition>
  void until(Condition happened) {
    EXPECT_TRUE(test::turn_until(loop_, happened));
  }
  /// What comes out of it up to its end or a line's.
  std::string hear(const End& end) {
    std::string out;
    char c = 0;
    until([&] {
      while (recv(end.socket.get(), &c, 1, MSG_DONTWAIT) == 1) {
        if (c == '\n') return true;
        out += c;
      }
      return false;
    });
    return out;
  }

  Loop loop_;
  std::vector<End> ends_;
  SignalWatch child_;
  HookPrograms programs_;
};

TEST_F(Programs, SpeakThroughTheirEnds) {
  programs_.set({shell("echo", "while read line; do echo \"heard $line\"; done", 2)});
  ASSERT_EQ(ends_.size(), 2u);
  EXPECT_NE(ends_[0].end.process, ends_[1].end.process);
  for (const End& end : ends_) {
    EXPECT_EQ(end.end.hook, "echo");
    ASSERT_EQ(send(end.socket.get(), "hello\n", 6, 0), 6);
    EXPECT_EQ(hear(end), "heard hello");
  }
}

TEST_F(Programs, AreStartedAgainWhenTheyEnd) {
  programs_.set({shell("short", "exit 3")});
  until([&] { return ends_.size() == 2; });
  EXPECT_NE(ends_[0].end.process, ends_[1].end.process);
}

TEST_F(Programs, EndWithAllThatTheyForked) {
  programs_.set({shell("forks", "sleep 600 & echo $!; read line")});
  const pid_t child = std::stoi(hear(ends_.at(0)));
  EXPECT_EQ(kill(child, 0), 0);
  programs_.failed({ends_[0].end.process, "the judge says so"});
  until([&] { return ends_.size() == 2; });
  until([&] { return kill(child, 0) != 0; });
}

TEST_F(Programs, AnotherProcessIsNotTouched) {
  programs_.set({shell("one", "echo $$; read line")});
  const pid_t pid = std::stoi(hear(ends_.at(0)));
  programs_.failed({ends_[0].end.process + 1, "of another one"});
  for (int i = 0; i < 10; ++i) loop_.turn(1ms);
  EXPECT_EQ(kill(pid, 0), 0);
}

TEST_F(Programs, GoOnWhereTheyAreTheSameAfterAReload) {
  const auto stays = shell("stays", "read line");
  programs_.set({shell("goes", "echo $$; read line"), stays});
  ASSERT_EQ(ends_.size(), 2u);
  const pid_t going = std::stoi(hear(ends_[0]));
  programs_.set({stays, shell("new", "read line")});
  ASSERT_EQ(ends_.size(), 3u);
  EXPECT_EQ(ends_[2].end.hook, "new");
  until([&] { return kill(going, 0) != 0; });
  programs_.start_anew({stays});
  EXPECT_EQ(ends_.size(), 4u);
  EXPECT_EQ(ends_[3].end.hook, "stays");
}

TEST_F(Programs, AreConfined) {
  programs_.set({shell("tells", "echo $(ls /proc/self/fd | wc -l) $PWD $(ulimit -v) $(ulimit -c) \"[$USER]\" $(env | sort | cut -d= -f1 | tr '\\n' ' '); read line")});
  // Three descriptors, the one that ls reads by, and the one that its own pipe is.
  EXPECT_EQ(hear(ends_.at(0)), "4 / 524288 0 [] HOME LANG PATH PWD");
}

TEST_F(Programs, CanNotForkMoreThanTheyMay) {
  auto program = shell("bomb", "f() { f | f & }; f 2>/dev/null; sleep 600 & echo $?; read line");
  program.setup.processes = 0;
  StartHook as{program.setup.program, std::nullopt, 0, 512};
  if (geteuid() == 0) as.user = RunAs{65534, 65534};
  const std::uint32_t before = tasks_of(as.user ? as.user->uid : getuid());
  auto started = start_hook(as);
  ASSERT_TRUE(started) << started.error().text();
  for (int i = 0; i < 20; ++i) loop_.turn(5ms);
  const std::uint32_t after = tasks_of(as.user ? as.user->uid : getuid());
  kill(-started->pid, SIGKILL);
  // Others of the same user come and go meanwhile; a bomb would have made thousands.
  EXPECT_LE(after, before + 64);
}

TEST(HookProcess, AProgramThatIsNotThereIsNamed) {
  const auto started = start_hook({{"/nowhere/at/all"}, std::nullopt, 16, 512});
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().subject, "/nowhere/at/all");
  EXPECT_NE(started.error().reason.find("No such file"), std::string::npos);
}

TEST(HookProcess, OwnTasksAreCounted) { EXPECT_GE(tasks_of(getuid()), 1u); }

}  // namespace
}  // namespace tlspool::supervisor
