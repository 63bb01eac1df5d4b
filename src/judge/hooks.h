// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "judge/hook.h"
#include "judge/program_hook.h"

namespace tlspool::judge {

/// All [[hook]] tables. They outlive a reload where they are the same after it.
class Hooks {
 public:
  Hooks(Loop& loop, ProgramHook::OnFailed on_failed) : loop_(loop), on_failed_(std::move(on_failed)) {}

  void set(const std::vector<wire::HookSetup>& setups);
  /// A process of a hook's program, which the supervisor has started.
  void add(const wire::HookEnd& end, UniqueFd socket);
  /// Null where there is none of this name. Valid until the next set().
  [[nodiscard]] Hook* find(const std::string& name) const;

 private:
  struct Entry {
    Bytes setup;
    std::unique_ptr<Hook> hook;
    ProgramHook* program = nullptr;  ///< the same, where it is one
  };
  [[nodiscard]] Entry make(const wire::HookSetup& setup) const;

  Loop& loop_;
  ProgramHook::OnFailed on_failed_;
  std::map<std::string, Entry> hooks_;
};

}  // namespace tlspool::judge
