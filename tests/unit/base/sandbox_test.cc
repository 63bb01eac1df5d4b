// SPDX-License-Identifier: Apache-2.0
#include "base/sandbox.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netdb.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <map>
#include <thread>

#include "base/refused_calls.h"
#include "base/socket.h"

using namespace tlspool;

namespace {

// Runs `attempt` in a process confined as `request` says; its exit status is what attempt returned.
int confined(const SandboxRequest& request, const std::function<int()>& attempt) {
  const pid_t child = fork();
  if (child == 0) {
    if (!enter_sandbox(request)) _exit(99);
    _exit(attempt());
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int refused(long result) { return result < 0 && (errno == EPERM || errno == EACCES) ? 0 : 1; }

const std::map<std::string, std::function<int()>> worker_attempts = {
    {"opens a file", [] { return refused(open("/etc/passwd", O_RDONLY)); }},
    {"makes a file", [] { return refused(open("/tmp/x", O_WRONLY | O_CREAT, 0600)); }},
    {"makes a socket", [] { return refused(socket(AF_INET, SOCK_STREAM, 0)); }},
    {"makes a Unix socket", [] { return refused(socket(AF_UNIX, SOCK_STREAM, 0)); }},
    {"connects",
     [] {
       sockaddr_in to{};
       to.sin_family = AF_INET;
       to.sin_port = htons(1);
       to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
       return refused(connect(0, reinterpret_cast<sockaddr*>(&to), sizeof to));
     }},
    {"listens", [] { return refused(listen(0, 1)); }},
    {"executes",
     [] {
       char path[] = "/bin/true";
       char* argv[] = {path, nullptr};
       return refused(execve(path, argv, argv + 1));
     }},
    {"forks", [] { return refused(fork()); }},
    {"traces its parent", [] { return refused(ptrace(PTRACE_ATTACH, getppid(), nullptr, nullptr)); }},
    {"makes namespaces", [] { return refused(unshare(CLONE_NEWUSER)); }},
    {"kills", [] { return refused(kill(getppid(), 0)); }},
    {"signals by fcntl", [] { return refused(fcntl(0, F_SETOWN, getppid())) + refused(fcntl(0, F_SETSIG, SIGKILL)) + refused(fcntl(0, F_SETFL, O_ASYNC)); }},
    {"connects by sending", [] { return refused(sendto(0, "x", 1, MSG_FASTOPEN, nullptr, 0)); }},
    {"becomes dumpable", [] { return refused(prctl(PR_SET_DUMPABLE, 1)); }},
    {"makes memory executable",
     [] {
       void* p = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
       return p == MAP_FAILED ? 1 : refused(mprotect(p, 4096, PROT_READ | PROT_EXEC));
     }},
};

class Worker : public testing::TestWithParam<std::string> {};
TEST_P(Worker, NeverAgain) { EXPECT_EQ(confined({.confinement = Confinement::worker}, worker_attempts.at(GetParam())), 0); }

std::vector<std::string> names_of_attempts() {
  std::vector<std::string> out;
  for (const auto& [name, attempt] : worker_attempts) out.push_back(name);
  return out;
}
std::string name_of_attempt(const testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  for (char& c : name) c = c == ' ' ? '_' : c;
  return name;
}
INSTANTIATE_TEST_SUITE_P(Attempts, Worker, testing::ValuesIn(names_of_attempts()), name_of_attempt);

TEST(Worker, StillMovesBytesOnWhatItHas) {
  int pair[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  EXPECT_EQ(confined({.confinement = Confinement::worker}, [&] {
              char c = 'x';
              return send(pair[0], &c, 1, 0) == 1 && recv(pair[1], &c, 1, 0) == 1 ? 0 : 1;
            }),
            0);
}

// The supervisor's part is played by the parent.
TEST(Worker, WhatItsSandboxRefusesIsToldToAnother) {
  auto pair = socket_pair(SOCK_STREAM, false);
  ASSERT_TRUE(pair);
  const pid_t child = fork();
  if (child == 0) {
    auto watch = enter_watched_sandbox({.confinement = Confinement::worker});
    if (!watch || !watch->valid()) _exit(99);
    const int fd = watch->get();
    const std::uint8_t byte = 0;
    if (!transmit(pair->second.get(), {&byte, 1}, {&fd, 1})) _exit(98);
    watch->reset();
    _exit(refused(kill(getppid(), 0)) + refused(open("/etc/passwd", O_RDONLY)));
  }
  pair->second.reset();
  std::uint8_t byte = 0;
  auto got = receive(pair->first.get(), {&byte, 1}, 0);
  ASSERT_TRUE(got && got->has_value() && (*got)->descriptors.size() == 1);
  const UniqueFd watch = std::move((*got)->descriptors.front());
  std::vector<std::string> names;
  while (true) {
    pollfd state{watch.get(), POLLIN, 0};
    ASSERT_EQ(poll(&state, 1, 10000), 1);
    const auto call = refuse_next(watch.get());
    if (!call) break;
    if (!*call) continue;
    EXPECT_EQ((*call)->thread, child);
    names.push_back((*call)->name);
  }
  EXPECT_EQ(names, (std::vector<std::string>{"getppid", "kill", "openat"}));
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(Judge, HasThreadsButNoOtherProcess) {
  EXPECT_EQ(confined({.confinement = Confinement::judge},
                     [] {
                       int seen = 0;
                       std::thread([&] { seen = 1; }).join();
                       return refused(fork()) + refused(syscall(SYS_clone, SIGCHLD | CLONE_NEWUSER, nullptr, nullptr, nullptr, 0)) + (seen == 1 ? 0 : 1);
                     }),
            0);
}

TEST(Judge, CutsNoFileThatItMayRead) {
  std::string directory = testing::TempDir() + "judge-XXXXXX";
  ASSERT_NE(mkdtemp(directory.data()), nullptr);
  const std::string file = directory + "/anchors";
  const int fd = open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  ASSERT_EQ(write(fd, "x", 1), 1);
  close(fd);
  const bool new_enough = syscall(SYS_landlock_create_ruleset, nullptr, 0, 1) >= 3;  // Linux 6.2
  EXPECT_EQ(confined({.confinement = Confinement::judge, .readable = {directory}},
                     [&] {
                       if (open(file.c_str(), O_RDONLY | O_CLOEXEC) < 0) return 1;
                       return new_enough ? refused(open(file.c_str(), O_RDONLY | O_TRUNC | O_CLOEXEC)) : 0;
                     }),
            0);
  unlink(file.c_str());
  rmdir(directory.c_str());
}

TEST(Keeper, ReachesItsOwnDirectoryOnly) {
  char directory[] = "/tmp/keeper-sandbox-XXXXXX";
  ASSERT_NE(mkdtemp(directory), nullptr);
  const std::string own = std::string(directory) + "/own";
  const int status = confined({.confinement = Confinement::keeper, .writable = {directory}}, [&] {
    if (open(own.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600) < 0) return 1;
    return refused(open("/etc/shadow", O_RDONLY)) + refused(open("/etc/passwd", O_RDONLY));
  });
  EXPECT_EQ(status, 0);
  unlink(own.c_str());
  rmdir(directory);
}

TEST(Keeper, HasNoNetworkAndNoExec) {
  EXPECT_EQ(confined({.confinement = Confinement::keeper},
                     [] {
                       char path[] = "/bin/true";
                       char* argv[] = {path, nullptr};
                       return refused(socket(AF_INET, SOCK_STREAM, 0)) + refused(socket(AF_INET6, SOCK_DGRAM, 0)) +
                              refused(execve(path, argv, argv + 1));
                     }),
            0);
}

TEST(Judge, ReadsItsAnchorsAndNothingElse) {
  EXPECT_EQ(confined({.confinement = Confinement::judge, .readable = {"/etc/ssl"}},
                     [] {
                       if (open("/etc/ssl/openssl.cnf", O_RDONLY) < 0) return 1;
                       return refused(open("/etc/passwd", O_RDONLY)) + refused(open("/tmp/x", O_WRONLY | O_CREAT, 0600));
                     }),
            0);
}

TEST(Judge, WritesInItsOwnDirectoryAlone) {
  std::string own = testing::TempDir() + "judge-XXXXXX";
  ASSERT_NE(mkdtemp(own.data()), nullptr);
  EXPECT_EQ(confined({.confinement = Confinement::judge, .writable = {own}},
                     [&] {
                       if (open((own + "/pins").c_str(), O_WRONLY | O_CREAT, 0600) < 0) return 1;
                       if (rename((own + "/pins").c_str(), (own + "/pins2").c_str()) != 0) return 2;
                       return refused(open((own + "/../x").c_str(), O_WRONLY | O_CREAT, 0600));
                     }),
            0);
  unlink((own + "/pins2").c_str());
  rmdir(own.c_str());
}

TEST(Judge, AsksTheNetworkButServesNobodyAndExecutesNothing) {
  EXPECT_EQ(confined({.confinement = Confinement::judge},
                     [] {
                       const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
                       if (fd < 0 || socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0) return 1;
                       char path[] = "/bin/true";
                       char* argv[] = {path, nullptr};
                       return refused(listen(fd, 1)) + refused(execve(path, argv, argv + 1)) + refused(socket(AF_NETLINK, SOCK_RAW, 0)) +
                              refused(ptrace(PTRACE_TRACEME, 0, nullptr, nullptr));
                     }),
            0);
}

int listening_socket(sockaddr_in& address) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  const bool good = bind(fd, generic, size) == 0 && listen(fd, 1) == 0 && getsockname(fd, generic, &size) == 0;
  return good ? fd : -1;
}

TEST(Fetcher, ConnectsAndResolvesNames) {
  sockaddr_in address{};
  const int listener = listening_socket(address);
  ASSERT_GE(listener, 0);
  EXPECT_EQ(confined({.confinement = Confinement::fetcher, .readable = {"/etc"}},
                     [&] {
                       addrinfo* found = nullptr;
                       if (getaddrinfo("localhost", "1", nullptr, &found) != 0) return 1;
                       freeaddrinfo(found);
                       const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
                       if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return 2;
                       int waiting = 0;
                       if (ioctl(fd, FIONREAD, &waiting) != 0) return 3;
                       std::thread([&] { waiting = 7; }).join();
                       return waiting == 7 ? 0 : 4;
                     }),
            0);
  close(listener);
}

TEST(Fetcher, ServesNobodyWritesNothingAndExecutesNothing) {
  char directory[] = "/tmp/fetcher-sandbox-XXXXXX";
  ASSERT_NE(mkdtemp(directory), nullptr);
  const std::string file = std::string(directory) + "/file";
  EXPECT_EQ(confined({.confinement = Confinement::fetcher, .readable = {"/etc"}},
                     [&] {
                       char path[] = "/bin/true";
                       char* argv[] = {path, nullptr};
                       sockaddr_in any{};
                       any.sin_family = AF_INET;
                       const int fd = socket(AF_INET, SOCK_STREAM, 0);
                       if (fd < 0) return 99;
                       return refused(bind(fd, reinterpret_cast<sockaddr*>(&any), sizeof any)) + refused(listen(fd, 1)) +
                              refused(accept4(fd, nullptr, nullptr, 0)) + refused(socket(AF_UNIX, SOCK_STREAM, 0)) +
                              refused(socket(AF_NETLINK, SOCK_RAW, 0)) + refused(socket(AF_PACKET, SOCK_RAW, 0)) +
                              refused(open(file.c_str(), O_WRONLY | O_CREAT, 0600)) +
                              refused(open("/proc/self/status", O_RDONLY)) + refused(execve(path, argv, argv + 1)) +
                              refused(kill(getppid(), 0)) + refused(ptrace(PTRACE_ATTACH, getppid(), nullptr, nullptr));
                     }),
            0);
  rmdir(directory);
}

class Metrics : public testing::TestWithParam<std::string> {};
TEST_P(Metrics, NeverAgain) { EXPECT_EQ(confined({.confinement = Confinement::metrics}, worker_attempts.at(GetParam())), 0); }
INSTANTIATE_TEST_SUITE_P(Attempts, Metrics, testing::ValuesIn(names_of_attempts()), name_of_attempt);

TEST(Metrics, AnswersAndReadsWhatItHas) {
  int listening = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  ASSERT_EQ(bind(listening, reinterpret_cast<sockaddr*>(&address), sizeof(sa_family_t)), 0);  // the kernel names it
  ASSERT_EQ(listen(listening, 1), 0);
  socklen_t size = sizeof address;
  ASSERT_EQ(getsockname(listening, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const int caller = socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(connect(caller, reinterpret_cast<sockaddr*>(&address), size), 0);
  const int stat = open("/proc/self/stat", O_RDONLY);
  EXPECT_EQ(confined({.confinement = Confinement::metrics}, [&] {
    const int accepted = accept4(listening, nullptr, nullptr, SOCK_CLOEXEC);
    char text[16];
    if (accepted < 0 || pread(stat, text, sizeof text, 0) <= 0) return 1;
    int pair[2];
    if (refused(socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) != 0) return 2;
    return write(accepted, "x", 1) == 1 ? 0 : 3;
  }), 0);
  for (const int fd : {listening, caller, stat}) close(fd);
}

TEST(EveryProcess, RefusesDumps) {
  EXPECT_EQ(confined({.confinement = Confinement::keeper},
                     [] { return prctl(PR_GET_DUMPABLE) + !prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0); }),
            0);
}

}  // namespace
