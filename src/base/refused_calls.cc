// SPDX-License-Identifier: Apache-2.0
#include "base/refused_calls.h"

#include <poll.h>
#include <seccomp.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "base/handle.h"

namespace tlspool {
namespace {

std::string name_of(const seccomp_data& call) {
  const std::unique_ptr<char, Freed<std::free>> name{seccomp_syscall_resolve_num_arch(call.arch, call.nr)};
  return name ? name.get() : std::to_string(call.nr);
}

}  // namespace

Result<std::optional<RefusedCall>> refuse_next(int watch) {
  pollfd state{watch, POLLIN, 0};
  // Without a call that waits, receiving would block.
  if (poll(&state, 1, 0) <= 0) return std::optional<RefusedCall>{};
  if ((state.revents & POLLIN) == 0) return fail({Code::closed, "seccomp", "", "the process is gone", {}});
  seccomp_notif* call = nullptr;
  seccomp_notif_resp* answer = nullptr;
  if (const int rc = seccomp_notify_alloc(&call, &answer); rc != 0) return fail(system_error("seccomp_notify_alloc", "", -rc));
  std::optional<RefusedCall> out;
  const bool received = seccomp_notify_receive(watch, call) == 0;
  const bool gone = !received && errno == ENOENT;
  if (received) {
    out = RefusedCall{static_cast<pid_t>(call->pid), name_of(call->data)};
    answer->id = call->id;
    answer->error = -EPERM;
    (void)seccomp_notify_respond(watch, answer);  // fails where the thread has died since
  }
  seccomp_notify_free(call, answer);
  if (!received && !gone) return fail({Code::closed, "seccomp", "", "nothing can be received", {}});
  return out;
}

}  // namespace tlspool
