// SPDX-License-Identifier: Apache-2.0
#include "judge/hooks.h"

#include "base/log.h"
#include "judge/service_hook.h"

namespace tlspool::judge {

// Before the sandbox closes, libcurl reads what it needs for all who come later.
Hooks::Hooks(Loop& loop, ProgramHook::OnFailed on_failed) : loop_(loop), on_failed_(std::move(on_failed)), links_(std::make_shared<TlsLinks>(loop)) { const Http ready{loop}; }

Hooks::Entry Hooks::make(const wire::HookSetup& setup) const {
  Entry out;
  out.setup = wire::encode(setup);
  if (setup.program.empty()) {
    out.hook = std::make_unique<ServiceHook>(loop_, setup, links_);
    return out;
  }
  auto program = std::make_unique<ProgramHook>(loop_, setup, on_failed_);
  out.program = program.get();
  out.hook = std::move(program);
  return out;
}

void Hooks::set(const std::vector<wire::HookSetup>& setups) {
  std::map<std::string, Entry> next;
  for (const wire::HookSetup& setup : setups) {
    const auto known = hooks_.find(setup.name);
    const bool same = known != hooks_.end() && known->second.setup == wire::encode(setup);
    next.emplace(setup.name, same ? std::move(known->second) : make(setup));
  }
  // What is gone refuses those who wait for it, and they may ask for hooks again: they find the new ones.
  std::swap(hooks_, next);
}

void Hooks::add(const wire::HookEnd& end, UniqueFd socket) {
  const auto found = hooks_.find(end.hook);
  if (found == hooks_.end() || found->second.program == nullptr) {
    return log::warning("hook.unknown", {{"hook", end.hook}});
  }
  found->second.program->add(end.process, std::move(socket));
}

Hook* Hooks::find(const std::string& name) const {
  const auto found = hooks_.find(name);
  return found == hooks_.end() ? nullptr : found->second.hook.get();
}

}  // namespace tlspool::judge
