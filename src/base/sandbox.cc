// SPDX-License-Identifier: Apache-2.0
#include "base/sandbox.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <initializer_list>
#include <memory>
#include <span>

#include "base/handle.h"
#include "base/sandbox_files.h"

namespace tlspool {
namespace {

using Filter = std::unique_ptr<void, Freed<seccomp_release>>;

// What the C library, the allocator and the event loop need in every process.
constexpr int common_calls[] = {
    SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(readv), SCMP_SYS(writev), SCMP_SYS(close),
    SCMP_SYS(recvmsg), SCMP_SYS(recvfrom), SCMP_SYS(shutdown),
    SCMP_SYS(getsockopt), SCMP_SYS(setsockopt), SCMP_SYS(getsockname), SCMP_SYS(getpeername),
    SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait),
    SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(eventfd2), SCMP_SYS(pipe2), SCMP_SYS(timerfd_settime),
    SCMP_SYS(dup), SCMP_SYS(dup3),
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
constexpr int sending_calls[] = {SCMP_SYS(sendmsg), SCMP_SYS(sendto)};
// The worker takes connections from the control socket that it inherited and makes plaintext pairs.
constexpr int worker_calls[] = {SCMP_SYS(accept4)};
// The metrics process answers whoever connects, and reads /proc/PID/stat of the others by descriptors.
constexpr int metrics_calls[] = {SCMP_SYS(accept4), SCMP_SYS(pread64)};
// Token libraries read and write their own files (Landlock says which) and use threads and locks.
constexpr int file_calls[] = {
    SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(statx), SCMP_SYS(access),
    SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(readlink), SCMP_SYS(getcwd), SCMP_SYS(getdents64),
    SCMP_SYS(pread64), SCMP_SYS(fstatfs), SCMP_SYS(statfs), SCMP_SYS(fadvise64),
};
constexpr int write_calls[] = {
    SCMP_SYS(mkdir), SCMP_SYS(unlink), SCMP_SYS(rename), SCMP_SYS(rmdir), SCMP_SYS(ftruncate), SCMP_SYS(fsync),
    SCMP_SYS(fdatasync), SCMP_SYS(pwrite64), SCMP_SYS(flock), SCMP_SYS(fchmod),
    SCMP_SYS(unlinkat), SCMP_SYS(mkdirat), SCMP_SYS(renameat2), SCMP_SYS(umask),
};
constexpr int thread_calls[] = {SCMP_SYS(set_tid_address)};
// Of a descriptor that the process has. Not who is signalled when something happens on it (F_SETOWN, F_SETSIG): that
// would be kill() by another name.
constexpr int descriptor_commands[] = {F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_GET_SEALS};
constexpr int lock_commands[] = {F_GETLK, F_SETLK, F_SETLKW, F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW};

constexpr int outgoing_calls[] = {SCMP_SYS(bind)};
constexpr scmp_datum_t bytes_waiting = 0x541B;  // FIONREAD
constexpr scmp_datum_t new_namespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
constexpr scmp_datum_t thread_flags = CLONE_THREAD | CLONE_VM | CLONE_SIGHAND;

Error seccomp_error(const char* what, int rc) { return system_error("seccomp", what, -rc); }

Status allow(scmp_filter_ctx filter, std::span<const int> calls) {
  for (const int call : calls) {
    const int rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0);
    if (rc != 0 && rc != -EEXIST) return fail(seccomp_error("rule", rc));
  }
  return {};
}

// One argument of a call must be this.
Status allow_if(scmp_filter_ctx filter, int call, const scmp_arg_cmp& condition) {
  const int rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1, condition);
  return rc == 0 || rc == -EEXIST ? Status{} : fail(seccomp_error("rule", rc));
}

// By one flag these would connect a TCP socket, which only connect() may. Who has connect() may do so: libunbound asks a name server by
// TCP like that.
Status allow_sending(scmp_filter_ctx filter, Confinement confinement) {
  if (confinement == Confinement::judge || confinement == Confinement::fetcher) return allow(filter, sending_calls);
  Status done = allow_if(filter, SCMP_SYS(sendmsg), SCMP_A2(SCMP_CMP_MASKED_EQ, MSG_FASTOPEN, 0));
  if (done) done = allow_if(filter, SCMP_SYS(sendto), SCMP_A3(SCMP_CMP_MASKED_EQ, MSG_FASTOPEN, 0));
  return done;
}

// The C library's resolver asks for both families of addresses in one call, and asks how long the answer is.
Status allow_resolver(scmp_filter_ctx filter) {
  Status done = allow_if(filter, SCMP_SYS(sendmmsg), SCMP_A3(SCMP_CMP_MASKED_EQ, MSG_FASTOPEN, 0));
  if (done) done = allow_if(filter, SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_EQ, bytes_waiting));
  // It would also like to know which addresses this machine has, and does without: nothing to tell anybody.
  const int rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, AF_NETLINK));
  return rc == 0 ? done : fail(seccomp_error("socket rule", rc));
}

Status allow_fcntl(scmp_filter_ctx filter, std::span<const int> commands) {
  Status done;
  for (const int command : commands) {
    if (done) done = allow_if(filter, SCMP_SYS(fcntl), SCMP_A1(SCMP_CMP_EQ, static_cast<scmp_datum_t>(command)));
  }
  return done;
}

// Any flag but that which asks for signals.
Status allow_status_flags(scmp_filter_ctx filter) {
  const int rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 2, SCMP_A1(SCMP_CMP_EQ, F_SETFL),
                                  SCMP_A2(SCMP_CMP_MASKED_EQ, O_ASYNC, 0));
  return rc == 0 ? Status{} : fail(seccomp_error("fcntl rule", rc));
}

// Threads, but no process that could outlive this one, and no namespaces. The flags of clone3() are out of the
// filter's sight; the C library takes clone() where that one does not exist.
Status allow_threads(scmp_filter_ctx filter) {
  Status done = allow_if(filter, SCMP_SYS(clone), SCMP_A0(SCMP_CMP_MASKED_EQ, thread_flags | new_namespaces, thread_flags));
  const int rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
  if (rc != 0) return fail(seccomp_error("clone rule", rc));
  if (done) done = allow(filter, thread_calls);
  // A thread's name, and the names that the C library gives to its memory. Not: dumpable, traced, another filter.
  for (const int option : {PR_SET_NAME, PR_GET_NAME, PR_GET_DUMPABLE, PR_GET_NO_NEW_PRIVS, 0x53564d41 /* PR_SET_VMA */}) {
    if (done) done = allow_if(filter, SCMP_SYS(prctl), SCMP_A0(SCMP_CMP_EQ, static_cast<scmp_datum_t>(option)));
  }
  return done;
}

Status allow_pairs(scmp_filter_ctx filter) { return allow_if(filter, SCMP_SYS(socketpair), SCMP_A0(SCMP_CMP_EQ, AF_UNIX)); }

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

/// Which calls a kind of process may make; what befalls the others was said when the filter was made.
Status fill(scmp_filter_ctx filter, Confinement confinement) {
  Status done = allow(filter, common_calls);
  if (done) done = allow_data_memory(filter);
  if (done) done = allow_fionbio(filter);
  if (done) done = allow_own_signals(filter);
  if (done) done = allow_sending(filter, confinement);
  if (done) done = allow_fcntl(filter, descriptor_commands);
  if (done) done = allow_status_flags(filter);
  switch (confinement) {
    case Confinement::worker:
      if (done) done = allow(filter, worker_calls);
      if (done) done = allow_pairs(filter);
      break;
    case Confinement::keeper:
      if (done) done = allow(filter, file_calls);
      if (done) done = allow(filter, write_calls);
      if (done) done = allow_fcntl(filter, lock_commands);
      if (done) done = allow_threads(filter);
      // Smart-card modules talk to their daemon (pcscd, p11-kit server) over a Unix socket.
      if (done) done = allow_sockets(filter, {AF_UNIX});
      break;
    case Confinement::judge:
      // Trust anchors, and what it keeps in its own directory: Landlock says where it may write.
      if (done) done = allow(filter, file_calls);
      if (done) done = allow(filter, write_calls);
      if (done) done = allow_fcntl(filter, lock_commands);
      // Blocking calls, such as those of libmemcached, must not delay verdicts.
      if (done) done = allow_threads(filter);
      if (done) done = allow_resolver(filter);
      // Name servers, responders, hooks and caches. It binds for the random source ports of DNS questions, and can't listen.
      if (done) done = allow(filter, outgoing_calls);
      if (done) done = allow_pairs(filter);
      if (done) done = allow_sockets(filter, {AF_INET, AF_INET6, AF_UNIX});
      break;
    case Confinement::metrics:
      if (done) done = allow(filter, metrics_calls);
      break;
    case Confinement::fetcher:
      // The resolver reads its configuration anew when that changes; Landlock says which files, and that none is written.
      if (done) done = allow(filter, file_calls);
      if (done) done = allow_resolver(filter);
      // An entity that is slow must not delay another: each is asked by threads of its own.
      if (done) done = allow_threads(filter);
      // TCP to the entities, UDP and TCP to name servers. Without bind and listen nobody can connect to it.
      if (done) done = allow_sockets(filter, {AF_INET, AF_INET6});
      break;
  }
  return done;
}

/// The filter is in force. `refuse` is what befalls every call that no rule allows; with SCMP_ACT_NOTIFY the result is
/// the descriptor on which the kernel tells of it.
Result<UniqueFd> filter_calls(Confinement confinement, std::uint32_t refuse) {
  Filter filter{seccomp_init(refuse)};
  if (!filter) return fail({Code::internal, "seccomp_init", "", "out of memory", {}});
  if (auto done = fill(filter.get(), confinement); !done) return fail(std::move(done.error()));
  // Calls of another architecture's table.
  (void)seccomp_attr_set(filter.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
  // A refused call shows up in the kernel's audit log.
  (void)seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_LOG, 1);
  // A module may have started threads of its own when it was loaded: they are confined, too.
  (void)seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1);
  if (const int rc = seccomp_load(filter.get()); rc != 0) return fail(seccomp_error("load", rc));
  return UniqueFd{refuse == SCMP_ACT_NOTIFY ? seccomp_notify_fd(filter.get()) : -1};
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
  auto filtered = filter_calls(request.confinement, SCMP_ACT_ERRNO(EPERM));
  return filtered ? Status{} : fail(std::move(filtered.error()));
}

Result<UniqueFd> enter_watched_sandbox(const SandboxRequest& request) {
  if (auto done = refuse_dumps(); !done) return fail(std::move(done.error()));
  if (auto done = close_files(request); !done) return fail(std::move(done.error()));
  // Where somebody outside watches this process already, as some containers do, the kernel takes no second one.
  if (auto watched = filter_calls(request.confinement, SCMP_ACT_NOTIFY)) return watched;
  return filter_calls(request.confinement, SCMP_ACT_ERRNO(EPERM));
}

}  // namespace tlspool
