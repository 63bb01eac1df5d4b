// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "judge/hook.h"
#include "judge/program_hook.h"
#include "judge/tls_links.h"

namespace tlspool::judge {

/// All [[hook]] tables. They outlive a reload where they are the same after it.
class Hooks {
 public:
  /// Before the process enters its sandbox.
  Hooks(Loop& loop, ProgramHook::OnFailed on_failed);

  void set(const std::vector<wire::HookSetup>& setups);
  /// A process of a hook's program, which the supervisor has started.
  void add(const wire::HookEnd& end, UniqueFd socket);
  /// A control connection to a worker, for services that are reached by TLS.
  void add_link(UniqueFd connection) { links_->add(std::move(connection)); }
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
  std::shared_ptr<TlsLinks> links_;
  std::map<std::string, Entry> hooks_;
};

}  // namespace tlspool::judge
