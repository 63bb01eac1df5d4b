// SPDX-License-Identifier: Apache-2.0
#include "wire/confine.h"

#include "base/log.h"
#include "base/secret.h"
#include "wire/log_setup.h"

namespace tlspool::wire {

Status confine(const SandboxRequest& request, const std::function<void(UniqueFd)>& tell_supervisor) {
  if (!secrets_are_locked()) {
    log::warning("memory.not_locked", {{"reason", "the limit of locked memory is too small, so secrets may be swapped"},
                                       {"advice", "raise LimitMEMLOCK= of the unit, or `ulimit -l`"}});
  }
  if (!sandbox_is_watched()) return enter_sandbox(request);
  auto watch = enter_watched_sandbox(request);
  if (!watch) return fail(std::move(watch.error()));
  if (watch->valid()) {
    tell_supervisor(std::move(*watch));
  } else {
    log::warning("sandbox.unwatched", {{"reason", "this kernel, or the container around, lets nobody watch; refused system calls stand in the kernel's audit log only"}});
  }
  return {};
}

}  // namespace tlspool::wire
