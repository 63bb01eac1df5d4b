// SPDX-License-Identifier: Apache-2.0
#include "authz/rules.h"

#include <algorithm>

#include "base/contains.h"

namespace tlspool::authz {
namespace {

bool holds_for_caller(const wire::AllowRule& rule, const Caller& caller) {
  const PeerCredentials& who = caller.credentials;
  if (!rule.uids.empty() && !contains(rule.uids, who.uid)) return false;
  if (!rule.gids.empty() && !contains(rule.gids, who.gid) &&
      std::none_of(who.groups.begin(), who.groups.end(), [&](gid_t g) { return contains(rule.gids, g); })) {
    return false;
  }
  return rule.executables.empty() || (!caller.executable.empty() && contains(rule.executables, caller.executable));
}

bool holds_for_identity(const wire::AllowRule& rule, std::string_view identity) {
  return identity.empty() || contains(rule.identities, "*") || contains(rule.identities, identity);
}

}  // namespace

bool need_executable(const std::vector<wire::AllowRule>& rules) {
  return std::any_of(rules.begin(), rules.end(), [](const auto& rule) { return !rule.executables.empty(); });
}

bool allowed(const std::vector<wire::AllowRule>& rules, const Caller& caller, std::string_view identity,
             wire::RoleBits role) {
  return std::any_of(rules.begin(), rules.end(), [&](const wire::AllowRule& rule) {
    return (rule.roles & role) != 0 && holds_for_identity(rule, identity) && holds_for_caller(rule, caller);
  });
}

}  // namespace tlspool::authz
