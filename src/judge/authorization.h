// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "authz/ruleset.h"
#include "judge/hooks.h"
#include "judge/subject.h"
#include "wire/judge.h"

namespace tlspool::judge {

/// What rules and hooks are told about a peer that was found trustworthy. Of the names in its certificate those count that somebody
/// vouches for: all of them where a trust anchor does, else the identity alone.
[[nodiscard]] authz::Facts facts_of(const Subject& subject, const wire::ChainVerdict& verdict);

/// One question about what a peer may do: the rules, then all the hooks that they name, side by side. Refused unless the rules and
/// every hook say yes.
class Authorization {
 public:
  struct Outcome {
    bool allowed = false;
    wire::Attributes attributes;
    std::string reason;            ///< for people: which rule, which hook, and what it said
    std::string rule;              ///< FILE:LINE, or "default"
    std::int64_t valid_until = 0;  ///< until when it may be relied on, seconds since 1970; 0: no bound
    bool asked_hooks = false;
  };
  using OnOutcome = std::function<void(Outcome)>;

  Authorization(std::shared_ptr<const authz::Ruleset> rules, std::shared_ptr<Hooks> hooks, authz::Facts facts);
  ~Authorization();
  Authorization(const Authorization&) = delete;
  Authorization& operator=(const Authorization&) = delete;

  /// `on_outcome` is called once, maybe at once, and may destroy the authorization.
  void start(OnOutcome on_outcome);

 private:
  struct Asked {
    std::string hook;
    Hook::Cancel cancel;
    bool answered = false;
    authz::HookAnswer answer;
  };
  void answered(std::size_t number, Result<authz::HookAnswer> answer);
  /// `ttl`: of a hook that says no: seconds for which that may be remembered.
  void refuse(std::string reason, std::uint32_t ttl = 0);
  void allow();
  void cancel_all();
  void finish(Outcome outcome);

  std::shared_ptr<const authz::Ruleset> rules_;
  std::shared_ptr<Hooks> hooks_;
  authz::Facts facts_;
  authz::Decision decision_;
  std::vector<Asked> asked_;
  std::int64_t valid_until_ = 0;
  OnOutcome on_outcome_;
};

}  // namespace tlspool::judge
