// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "authz/rule.h"
#include "trust/selector.h"

namespace tlspool::authz {

/// What the rules say.
struct Decision {
  wire::RuleAction action = wire::RuleAction::deny;
  std::vector<std::string> hooks;   ///< that must all say yes; where the action is ask, at least one
  wire::Attributes attributes;
  std::string reason;               ///< for people: which rule, by FILE:LINE, and what it said
  std::string where;                ///< the rule's FILE:LINE, or "default"
  std::int64_t valid_until = 0;     ///< until when the rules say the same, seconds since 1970; 0: no bound
};

/// All [[rule]] tables of the machine, in the order of the files. The first one that fits decides.
class Ruleset {
 public:
  /// The first mistake is the error: Code::config, subject FILE:LINE.
  [[nodiscard]] static Result<Ruleset> make(const std::vector<wire::RuleSetup>& rules, const wire::AuthorizationSetup& setup);

  /// Looks at the rules that can fit, found by a few hash lookups, and no others.
  [[nodiscard]] Decision decide(const Facts& facts) const;
  [[nodiscard]] std::size_t size() const { return rules_.size(); }
  /// Whether anything is configured: without, everybody who is trusted is let in, and nobody need ask.
  [[nodiscard]] bool asks_nothing() const { return rules_.empty() && ask_.empty() && otherwise_ != wire::RuleDefault::deny; }
  /// Whether a hook may be asked. It is told everything.
  [[nodiscard]] bool asks_hooks() const;
  [[nodiscard]] bool looks_at_uid() const;
  [[nodiscard]] bool looks_at_executable() const;

 private:
  /// By which condition a rule is found: a scope of the index.
  enum class Key : std::uint32_t { remote, uri, uri_prefix, local, issuer, service, executable };
  using List = std::vector<std::uint32_t>;  // numbers of rules, rising
  class Merge;

  void index(const Rule& rule, std::uint32_t number);
  void add(Key key, std::string_view text, std::uint32_t number);
  void gather(const Asked& asked, Merge& merge) const;
  void look_up(Key key, std::string_view text, Merge& merge) const;
  [[nodiscard]] Decision decide_by(const Rule& rule) const;
  [[nodiscard]] Decision decide_without() const;
  void ask_everybody(Decision& decision) const;

  std::vector<Rule> rules_;
  trust::SelectorIndex index_;
  std::vector<List> lists_;
  List rest_;                              // that no key finds
  std::vector<std::size_t> prefix_sizes_;  // lengths that prefixes of URIs have, each once, rising
  wire::RuleDefault otherwise_ = wire::RuleDefault::by_rules;
  std::vector<std::string> ask_;
  bool looks_at_uris_ = false;
};

}  // namespace tlspool::authz
