// SPDX-License-Identifier: Apache-2.0
// The tables of authorization: [[rule]], [[hook]] and [authorization].
#pragma once
#include <map>
#include <string>
#include <vector>

#include "config/config.h"
#include "config/section.h"

namespace tlspool::config {

/// Collects them from every file. Whether what they name is there shows in finish().
class AuthorizationTables {
 public:
  /// tlspool.toml
  void read_main(Section& root);
  /// Any file: [[rule]] and [[hook]]
  void read(Section& root);
  /// Fills Config::authorization.
  [[nodiscard]] Status finish(Config& config);

 private:
  void read_rule(Section s);
  void read_rule_users(Section& s, wire::RuleSetup& rule);
  void read_hook(Section s);
  /// The names of hooks below a key, each once, and where they stand.
  void read_hook_names(Section& s, std::string_view key, std::vector<std::string>& out);

  struct HookName {
    std::string name;
    std::string file;
    int line = 0;
  };

  Authorization out_;
  std::vector<HookName> named_;           // that rules and [authorization] ask
  std::map<std::string, Place> hooks_;
};

/// Asks the system's user database for the users that rules name.
[[nodiscard]] Status resolve_users(Authorization& authorization);

}  // namespace tlspool::config
