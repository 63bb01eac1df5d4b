// SPDX-License-Identifier: Apache-2.0
#include "base/sandbox.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <initializer_list>
#include <memory>
#include <span>

#include "base/fd.h"
#include "base/handle.h"

namespace tlspool {
namespace {

using Filter = std::unique_ptr<void, Freed<seccomp_release>>;

// What the C library, the allocator and the event loop need in every process.
constexpr int common_calls[] = {
    SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(readv), SCMP_SYS(writev), SCMP_SYS(close),
    SCMP_SYS(recvmsg), SCMP_SYS(sendmsg), SCMP_SYS(recvfrom), SCMP_SYS(sendto), SCMP_SYS(shutdown),
    SCMP_SYS(getsockopt), SCMP_SYS(setsockopt), SCMP_SYS(getsockname), SCMP_SYS(getpeername),
    SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait),
    SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(eventfd2), SCMP_SYS(pipe2), SCMP_SYS(timerfd_settime),
    SCMP_SYS(fcntl), SCMP_SYS(dup), SCMP_SYS(dup3),
    SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(brk), SCMP_SYS(mlock), SCMP_SYS(mlock2),
    SCMP_SYS(munlock),
    SCMP_SYS(futex), SCMP_SYS(clock_gettime), SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(getrandom), SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity), SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(getuid), SCMP_SYS(geteuid),
    SCMP_SYS(getgid), SCMP_SYS(getegid), SCMP_SYS(getrusage),
    SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack),
    SCMP_SYS(restart_syscall), SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(rseq), SCMP_SYS(membarrier),
    SCMP_SYS(set_robust_list), SCMP_SYS(sysinfo), SCMP_SYS(uname), SCMP_SYS(fstat), SCMP_SYS(newfstatat),
    SCMP_SYS(lseek),
};
// The worker takes connections from the control socket that it inherited and makes plaintext pairs.
constexpr int worker_calls[] = {SCMP_SYS(accept4), SCMP_SYS(socketpair)};
// The metrics process answers whoever connects, and reads /proc/PID/stat of the others by descriptors.
constexpr int metrics_calls[] = {SCMP_SYS(accept4), SCMP_SYS(pread64)};
// Token libraries read and write their own files (Landlock says which) and use threads and locks.
constexpr int file_calls[] = {
    SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(statx), SCMP_SYS(access),
    SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(readlink), SCMP_SYS(getcwd), SCMP_SYS(getdents64),
    SCMP_SYS(pread64), SCMP_SYS(fstatfs), SCMP_SYS(statfs), SCMP_SYS(fadvise64), SCMP_SYS(fcntl),
};
constexpr int write_calls[] = {
    SCMP_SYS(mkdir), SCMP_SYS(unlink), SCMP_SYS(rename), SCMP_SYS(rmdir), SCMP_SYS(ftruncate), SCMP_SYS(fsync),
    SCMP_SYS(fdatasync), SCMP_SYS(pwrite64), SCMP_SYS(flock), SCMP_SYS(chmod), SCMP_SYS(fchmod),
    SCMP_SYS(unlinkat), SCMP_SYS(mkdirat), SCMP_SYS(renameat2), SCMP_SYS(umask),
};
constexpr int thread_calls[] = {SCMP_SYS(clone), SCMP_SYS(clone3), SCMP_SYS(set_tid_address), SCMP_SYS(prctl)};

// The C library's resolver asks for both families of addresses in one call, and asks how long the answer is.
constexpr int resolver_calls[] = {SCMP_SYS(sendmmsg)};
constexpr int outgoing_calls[] = {SCMP_SYS(bind), SCMP_SYS(socketpair)};
constexpr scmp_datum_t bytes_waiting = 0x541B;  // FIONREAD

Error seccomp_error(const char* what, int rc) { return system_error("seccomp", what, -rc); }

Status allow(scmp_filter_ctx filter, std::span<const int> calls) {
  for (const int call : calls) {
    const int rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0);
    if (rc != 0 && rc != -EEXIST) return fail(seccomp_error("rule", rc));
  }
  return {};
}

// Memory may be mapped and protected, but never made executable after the start. (A PKCS#11 module is
// loaded before the sandbox closes, so the keeper needs no exception.)
Status allow_data_memory(scmp_filter_ctx filter) {
  for (const int call : {SCMP_SYS(mmap), SCMP_SYS(mprotect)}) {
    const int rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    if (rc != 0) return fail(seccomp_error("memory rule", rc));
  }
  return {};
}

// libuv switches sockets to non-blocking with FIONBIO.
Status allow_fionbio(scmp_filter_ctx filter) {
  const int rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_EQ, 0x5421));
  return rc == 0 ? Status{} : fail(seccomp_error("ioctl rule", rc));
}

Status allow_bytes_waiting(scmp_filter_ctx filter) {
  const int rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_EQ, bytes_waiting));
  return rc == 0 ? Status{} : fail(seccomp_error("ioctl rule", rc));
}

// abort() signals its own thread; no other process is in reach.
Status allow_own_signals(scmp_filter_ctx filter) {
  const int rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                                  SCMP_A0(SCMP_CMP_EQ, static_cast<scmp_datum_t>(getpid())));
  return rc == 0 ? Status{} : fail(seccomp_error("tgkill rule", rc));
}

Status allow_sockets(scmp_filter_ctx filter, std::initializer_list<int> families) {
  for (const int family : families) {
    const int rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, static_cast<scmp_datum_t>(family)));
    if (rc != 0) return fail(seccomp_error("socket rule", rc));
  }
  const int rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(connect), 0);
  return rc == 0 ? Status{} : fail(seccomp_error("connect rule", rc));
}

Status filter_calls(Confinement confinement) {
  Filter filter{seccomp_init(SCMP_ACT_ERRNO(EPERM))};
  if (!filter) return fail({Code::internal, "seccomp_init", "", "out of memory", {}});
  Status done = allow(filter.get(), common_calls);
  if (done) done = allow_data_memory(filter.get());
  if (done) done = allow_fionbio(filter.get());
  if (done) done = allow_own_signals(filter.get());
  switch (confinement) {
    case Confinement::worker:
      if (done) done = allow(filter.get(), worker_calls);
      break;
    case Confinement::keeper:
      if (done) done = allow(filter.get(), file_calls);
      if (done) done = allow(filter.get(), write_calls);
      if (done) done = allow(filter.get(), thread_calls);
      // Smart-card modules talk to their daemon (pcscd, p11-kit server) over a Unix socket.
      if (done) done = allow_sockets(filter.get(), {AF_UNIX});
      break;
    case Confinement::judge:
      // Trust anchors, and what it keeps in its own directory: Landlock says where it may write.
      if (done) done = allow(filter.get(), file_calls);
      if (done) done = allow(filter.get(), write_calls);
      // Blocking calls, such as those of libmemcached, must not delay verdicts.
      if (done) done = allow(filter.get(), thread_calls);
      if (done) done = allow(filter.get(), resolver_calls);
      if (done) done = allow_bytes_waiting(filter.get());
      // Name servers, responders, hooks and caches. It binds for the random source ports of DNS questions, and can't listen.
      if (done) done = allow(filter.get(), outgoing_calls);
      if (done) done = allow_sockets(filter.get(), {AF_INET, AF_INET6, AF_UNIX});
      break;
    case Confinement::metrics:
      if (done) done = allow(filter.get(), metrics_calls);
      break;
    case Confinement::fetcher:
      // The resolver reads its configuration anew when that changes; Landlock says which files, and that none is written.
      if (done) done = allow(filter.get(), file_calls);
      if (done) done = allow(filter.get(), resolver_calls);
      if (done) done = allow_bytes_waiting(filter.get());
      // An entity that is slow must not delay another: each is asked by threads of its own.
      if (done) done = allow(filter.get(), thread_calls);
      // TCP to the entities, UDP and TCP to name servers. Without bind and listen nobody can connect to it.
      if (done) done = allow_sockets(filter.get(), {AF_INET, AF_INET6});
      break;
  }
  if (!done) return done;
  // A refused call shows up in the kernel's audit log.
  (void)seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_LOG, 1);
  // A module may have started threads of its own when it was loaded: they are confined, too.
  (void)seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1);
  const int rc = seccomp_load(filter.get());
  return rc == 0 ? Status{} : fail(seccomp_error("load", rc));
}

constexpr std::uint64_t landlock_read =
    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t landlock_write =
    landlock_read | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
    LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG;
// The first version's rights: handled everywhere, so that an older kernel gives the same walls.
constexpr std::uint64_t landlock_handled =
    landlock_write | LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_SOCK |
    LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM;

Status allow_path(int ruleset, const std::string& path, std::uint64_t access) {
  UniqueFd fd{open(path.c_str(), O_PATH | O_CLOEXEC)};
  if (!fd.valid()) {
    if (errno == ENOENT) return {};  // What isn't there needs no door.
    return fail(system_error("landlock", path, errno));
  }
  struct stat info{};
  if (fstat(fd.get(), &info) == 0 && !S_ISDIR(info.st_mode)) {
    access &= LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE;
  }
  const landlock_path_beneath_attr rule{access, fd.get()};
  if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0) {
    return fail(system_error("landlock_add_rule", path, errno));
  }
  return {};
}

Status close_files(const SandboxRequest& request) {
  const landlock_ruleset_attr attr{.handled_access_fs = landlock_handled};
  UniqueFd ruleset{static_cast<int>(syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0))};
  if (!ruleset.valid()) {
    Error e = system_error("landlock_create_ruleset", "", errno);
    e.advice = "the kernel needs Landlock (Linux 5.13 or later, lsm=landlock,...)";
    return fail(std::move(e));
  }
  for (const std::string& path : request.readable) {
    if (auto done = allow_path(ruleset.get(), path, landlock_read); !done) return done;
  }
  for (const std::string& path : request.writable) {
    if (auto done = allow_path(ruleset.get(), path, landlock_write); !done) return done;
  }
  if (syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0) {
    return fail(system_error("landlock_restrict_self", "", errno));
  }
  return {};
}

}  // namespace

Status refuse_dumps() {
  if (prctl(PR_SET_DUMPABLE, 0) != 0) return fail(system_error("prctl", "PR_SET_DUMPABLE", errno));
  const rlimit none{0, 0};
  if (setrlimit(RLIMIT_CORE, &none) != 0) return fail(system_error("setrlimit", "RLIMIT_CORE", errno));
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fail(system_error("prctl", "PR_SET_NO_NEW_PRIVS", errno));
  return {};
}

Status become(const RunAs& user) {
  if (setgroups(0, nullptr) != 0) return fail(system_error("setgroups", "", errno));
  if (setresgid(user.gid, user.gid, user.gid) != 0) return fail(system_error("setresgid", "", errno));
  if (setresuid(user.uid, user.uid, user.uid) != 0) return fail(system_error("setresuid", "", errno));
  return refuse_dumps();  // The kernel resets dumpable when the user changes.
}

Status enter_sandbox(const SandboxRequest& request) {
  if (auto done = refuse_dumps(); !done) return done;
  if (auto done = close_files(request); !done) return done;
  return filter_calls(request.confinement);
}

}  // namespace tlspool
