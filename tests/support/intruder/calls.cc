// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <functional>

#include "base/log.h"
#include "intruder/intruder.h"

namespace intruder {
namespace {

// Kinds of processes, as bits.
enum Kind : unsigned { worker = 1, judge = 2, keeper = 4, fetcher = 8, metrics = 16, all = 31 };

unsigned kind_of(const Place& place) {
  if (place.process == "judge") return judge;
  if (place.process == "keeper") return keeper;
  if (place.process == "fetcher") return fetcher;
  if (place.process == "metrics") return metrics;
  return worker;
}

struct Try {
  const char* name;
  unsigned kinds;  ///< who must not do it
  std::function<long(const Place&)> act;
};

std::string outcome_of(long result) {
  if (result >= 0) return "succeeded";
  const char* name = strerrorname_np(errno);
  return name == nullptr ? std::to_string(errno) : name;
}

template <class... Args>
long call(long number, Args... args) {
  return syscall(number, args...);
}

// Some of them would take this process away if they were allowed; a child of theirs must not go on as it.
long ended_if_child(long pid) {
  if (pid == 0) _exit(0);
  return pid;
}

long executable(int protection_at_first) {
  void* memory = mmap(nullptr, 4096, protection_at_first, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return -1;
  return (protection_at_first & PROT_EXEC) != 0 ? 0 : mprotect(memory, 4096, PROT_READ | PROT_EXEC);
}

const Try tries[] = {
    {"execve", all, [](const Place&) { char path[] = "/bin/true"; char* argv[] = {path, nullptr}; return execve(path, argv, argv + 1); }},
    {"execveat of memory", all, [](const Place&) { char* argv[] = {nullptr}; return call(SYS_execveat, 2, "", argv, argv, AT_EMPTY_PATH); }},
    {"memfd_create", all, [](const Place&) { return call(SYS_memfd_create, "x", 0); }},
    {"fork", all, [](const Place&) { return ended_if_child(call(SYS_fork)); }},
    {"vfork", all, [](const Place&) { return ended_if_child(call(SYS_vfork)); }},
    {"clone of a process", all, [](const Place&) { return ended_if_child(call(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, 0)); }},
    {"clone into a user namespace", all, [](const Place&) { return ended_if_child(call(SYS_clone, SIGCHLD | CLONE_NEWUSER, nullptr, nullptr, nullptr, 0)); }},
    {"clone3", all, [](const Place&) { clone_args args{}; return ended_if_child(call(SYS_clone3, &args, sizeof args)); }},
    {"ptrace of the supervisor", all, [](const Place& p) { return ptrace(PTRACE_ATTACH, p.parent, nullptr, nullptr); }},
    {"process_vm_readv", all, [](const Place& p) { char c; iovec io{&c, 1}; return process_vm_readv(p.parent, &io, 1, &io, 1, 0); }},
    {"pidfd_open", all, [](const Place& p) { return call(SYS_pidfd_open, p.parent, 0); }},
    {"kill", all, [](const Place& p) { return kill(p.parent, 0); }},
    {"tkill", all, [](const Place& p) { return call(SYS_tkill, p.parent, 0); }},
    {"tgkill of another", all, [](const Place& p) { return call(SYS_tgkill, p.parent, p.parent, 0); }},
    {"rt_sigqueueinfo", all, [](const Place& p) { siginfo_t info{}; info.si_code = SI_QUEUE; return call(SYS_rt_sigqueueinfo, p.parent, 0, &info); }},
    {"fcntl F_SETOWN", all, [](const Place& p) { return fcntl(channel_of_supervisor, F_SETOWN, p.parent); }},
    {"fcntl F_SETSIG", all, [](const Place&) { return fcntl(channel_of_supervisor, F_SETSIG, SIGKILL); }},
    {"fcntl O_ASYNC", all, [](const Place&) { return fcntl(channel_of_supervisor, F_SETFL, O_ASYNC | O_NONBLOCK); }},
    {"prctl PR_SET_DUMPABLE", all, [](const Place&) { return prctl(PR_SET_DUMPABLE, 1); }},
    {"prctl PR_SET_PTRACER", all, [](const Place&) { return prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY); }},
    {"seccomp", all, [](const Place&) { return call(SYS_seccomp, 0, 0, nullptr); }},
    {"unshare of the user namespace", all, [](const Place&) { return unshare(CLONE_NEWUSER); }},
    {"unshare of mounts", all, [](const Place&) { return unshare(CLONE_NEWNS); }},
    {"setns", all, [](const Place&) { return call(SYS_setns, channel_of_supervisor, 0); }},
    {"mount", all, [](const Place&) { return call(SYS_mount, "none", "/mnt", "tmpfs", 0, nullptr); }},
    {"umount", all, [](const Place&) { return call(SYS_umount2, "/mnt", 0); }},
    {"chroot", all, [](const Place&) { return chroot("/"); }},
    {"pivot_root", all, [](const Place&) { return call(SYS_pivot_root, "/", "/"); }},
    {"bpf", all, [](const Place&) { char attributes[128] = {}; return call(SYS_bpf, 0, attributes, sizeof attributes); }},
    {"io_uring_setup", all, [](const Place&) { char parameters[120] = {}; return call(SYS_io_uring_setup, 1, parameters); }},
    {"keyctl", all, [](const Place&) { return call(SYS_keyctl, 0, -3, 1, 0, 0); }},
    {"add_key", all, [](const Place&) { return call(SYS_add_key, "user", "x", "y", 1, -3); }},
    {"perf_event_open", all, [](const Place&) { char attributes[128] = {}; return call(SYS_perf_event_open, attributes, 0, -1, -1, 0); }},
    {"userfaultfd", all, [](const Place&) { return call(SYS_userfaultfd, 0); }},
    {"memory made executable", all, [](const Place&) { return executable(PROT_READ | PROT_WRITE); }},
    {"memory mapped executable", all, [](const Place&) { return executable(PROT_READ | PROT_WRITE | PROT_EXEC); }},
    {"pkey_mprotect", all, [](const Place&) { return call(SYS_pkey_mprotect, nullptr, 4096, PROT_EXEC, -1); }},
    {"personality", all, [](const Place&) { return call(SYS_personality, 0x0400000); }},
    {"setrlimit", all, [](const Place&) { const rlimit more{1, 1}; return setrlimit(RLIMIT_CORE, &more); }},
    {"prlimit64", all, [](const Place&) { const rlimit more{1, 1}; return call(SYS_prlimit64, 0, RLIMIT_CORE, &more, nullptr); }},
    {"setuid", all, [](const Place&) { return call(SYS_setuid, 0); }},
    {"setresuid", all, [](const Place&) { return call(SYS_setresuid, 0, 0, 0); }},
    {"init_module", all, [](const Place&) { return call(SYS_init_module, "", 0, ""); }},
    {"kexec_load", all, [](const Place&) { return call(SYS_kexec_load, 0, 0, nullptr, 0); }},
    {"open_by_handle_at", all, [](const Place&) { return call(SYS_open_by_handle_at, AT_FDCWD, nullptr, 0); }},
    {"modify_ldt", all, [](const Place&) { char entry[16] = {}; return call(SYS_modify_ldt, 1, entry, sizeof entry); }},
    {"ioctl TIOCSTI", all, [](const Place&) { return ioctl(2, TIOCSTI, "x"); }},
    {"shmget", all, [](const Place&) { return call(SYS_shmget, 1, 4096, 0600 | 01000); }},
    {"mknod", all, [](const Place&) { return mknod("/tmp/intruder", S_IFIFO | 0600, 0); }},
    {"link", all, [](const Place&) { return link("/etc/passwd", "/tmp/intruder"); }},
    {"symlink", all, [](const Place&) { return symlink("/etc/passwd", "/tmp/intruder"); }},
    {"chmod of the PIN", all, [](const Place& p) { return chmod((p.directory + "/keeper/pin").c_str(), 0666); }},
    {"truncate", all, [](const Place& p) { return truncate((p.directory + "/tlspool.toml").c_str(), 0); }},
    {"listen", all, [](const Place&) { return listen(channel_of_supervisor, 1); }},
    {"socket of packets", all, [](const Place&) { return socket(AF_PACKET, SOCK_RAW, 0); }},
    {"socket of virtual machines", all, [](const Place&) { return socket(AF_VSOCK, SOCK_STREAM, 0); }},
    {"socket of the kernel's cryptography", all, [](const Place&) { return socket(AF_ALG, SOCK_SEQPACKET, 0); }},
    {"socket of TCP", worker | keeper | metrics, [](const Place&) { return socket(AF_INET, SOCK_STREAM, 0); }},
    {"socket of UDP", worker | keeper | metrics, [](const Place&) { return socket(AF_INET6, SOCK_DGRAM, 0); }},
    {"socket of Unix", worker | fetcher | metrics, [](const Place&) { return socket(AF_UNIX, SOCK_STREAM, 0); }},
    {"connect", worker | metrics, [](const Place&) { sockaddr_un to{}; to.sun_family = AF_UNIX; return connect(channel_of_supervisor, reinterpret_cast<sockaddr*>(&to), sizeof to); }},
    {"connect by sendto", worker | keeper | metrics, [](const Place&) { sockaddr_in to{}; to.sin_family = AF_INET; return sendto(channel_of_supervisor, "x", 1, MSG_FASTOPEN, reinterpret_cast<sockaddr*>(&to), sizeof to); }},
    {"bind", worker | keeper | fetcher | metrics, [](const Place&) { sockaddr_un at{}; at.sun_family = AF_UNIX; return bind(channel_of_supervisor, reinterpret_cast<sockaddr*>(&at), 2); }},
    {"accept", judge | keeper | fetcher, [](const Place&) { return accept4(channel_of_supervisor, nullptr, nullptr, 0); }},
    {"socketpair", keeper | fetcher | metrics, [](const Place&) { int pair[2]; return socketpair(AF_UNIX, SOCK_STREAM, 0, pair); }},
    {"thread", worker | metrics, [](const Place&) { return ended_if_child(call(SYS_clone, CLONE_VM | CLONE_SIGHAND | CLONE_THREAD, nullptr, nullptr, nullptr, 0)); }},
    {"open", worker | metrics, [](const Place&) { return open("/etc/passwd", O_RDONLY); }},
    {"openat2", all, [](const Place&) { std::uint64_t how[3] = {}; return call(SYS_openat2, AT_FDCWD, "/etc/passwd", how, sizeof how); }},
    {"stat", worker | metrics, [](const Place&) { return call(SYS_stat, "/etc/passwd", nullptr); }},
    {"readlink", worker | metrics, [](const Place&) { char at[8]; return call(SYS_readlink, "/proc/self/exe", at, sizeof at); }},
    {"unlink", worker | fetcher | metrics, [](const Place&) { return unlink("/tmp/intruder"); }},
    {"mkdir", worker | fetcher | metrics, [](const Place&) { return mkdir("/tmp/intruder", 0700); }},
    {"chdir", all, [](const Place&) { return chdir("/"); }},
};

}  // namespace

void report(const std::string& what, const std::string& outcome) {
  tlspool::log::warning("intruder.tried", {{"what", what}, {"outcome", outcome}});
}

void try_calls(const Place& place) {
  for (const Try& each : tries) {
    if ((each.kinds & kind_of(place)) != 0) report(each.name, outcome_of(each.act(place)));
  }
}

void try_files(const Place& place) {
  const std::string& pool = place.directory;
  const auto reads = [](const std::string& path) { report("read " + path, outcome_of(open(path.c_str(), O_RDONLY | O_CLOEXEC))); };
  const auto writes = [](const std::string& path) { report("write " + path, outcome_of(open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600))); };
  const bool is_keeper = kind_of(place) == keeper;
  if (!is_keeper) {
    for (const char* own : {"/keeper", "/keeper/tokens", "/keeper/pin", "/keeper/softhsm2.conf"}) reads(pool + own);
    reads("/etc/shadow");
    writes(pool + "/keeper/pin");
  }
  for (const char* other : {"", "/tlspool.toml", "/identities", "/run", "/run/pool.sock"}) reads(pool + other);
  if (kind_of(place) != judge) reads(pool + "/ca");
  for (const char* other : {"/tlspool.toml", "/intruder"}) writes(pool + other);
  if (kind_of(place) != judge) reads(pool + "/judge");
  // Of the supervisor, and of whoever was started around this process: the other workers are among them.
  for (int pid = place.parent; pid < place.parent + 16; ++pid) {
    const std::string of = "/proc/" + std::to_string(pid);
    if (pid == getpid()) continue;
    for (const char* file : {"/mem", "/environ", "/maps", "/fd/0", "/root"}) reads(of + file);
  }
  for (const char* path : {"/proc/self/mem", "/dev/mem", "/dev/kmsg", "/sys/kernel/debug"}) writes(path);
  for (const char* path : {"/tmp/intruder", "/dev/shm/intruder", "/var/tmp/intruder", "/etc/intruder"}) writes(path);
}

void flood_calls() {
  while (true) (void)kill(1, 0);
}

}  // namespace intruder
