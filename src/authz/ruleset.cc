// SPDX-License-Identifier: Apache-2.0
#include "authz/ruleset.h"

#include <algorithm>
#include <optional>

#include "base/contains.h"

namespace tlspool::authz {
namespace {

// These select so many that a rule is better found by another condition.
bool is_wide(std::string_view selector) { return selector == "." || selector == "@."; }

void bound(std::int64_t& valid_until, std::int64_t by) {
  if (valid_until == 0 || by < valid_until) valid_until = by;
}

}  // namespace

/// Several rising lists as one.
class Ruleset::Merge {
 public:
  void add(const List& list) {
    if (!list.empty()) heads_.push_back({list.data(), list.data() + list.size()});
  }
  /// The next number, each once.
  std::optional<std::uint32_t> next() {
    std::optional<std::uint32_t> least;
    for (const Head& head : heads_) {
      if (!least || *head.at < *least) least = *head.at;
    }
    if (!least) return least;
    for (std::size_t i = 0; i < heads_.size();) {
      if (*heads_[i].at == *least && ++heads_[i].at == heads_[i].end) {
        heads_[i] = heads_.back();
        heads_.pop_back();
      } else {
        ++i;
      }
    }
    return least;
  }

 private:
  struct Head {
    const std::uint32_t* at;
    const std::uint32_t* end;
  };
  std::vector<Head> heads_;
};

Result<Ruleset> Ruleset::make(const std::vector<wire::RuleSetup>& rules, const wire::AuthorizationSetup& setup) {
  Ruleset out;
  out.otherwise_ = setup.otherwise;
  out.ask_ = setup.ask;
  out.rules_.reserve(rules.size());
  out.index_.reserve(rules.size());
  for (const wire::RuleSetup& written : rules) {
    auto rule = Rule::make(written);
    if (!rule) return fail(std::move(rule.error()));
    out.index(*rule, static_cast<std::uint32_t>(out.rules_.size()));
    out.looks_at_uris_ = out.looks_at_uris_ || !rule->san.empty();
    out.rules_.push_back(std::move(*rule));
  }
  std::sort(out.prefix_sizes_.begin(), out.prefix_sizes_.end());
  out.prefix_sizes_.erase(std::unique(out.prefix_sizes_.begin(), out.prefix_sizes_.end()), out.prefix_sizes_.end());
  return out;
}

void Ruleset::add(Key key, std::string_view text, std::uint32_t number) {
  const auto fresh = static_cast<std::uint32_t>(lists_.size());
  const std::uint32_t list = index_.add(static_cast<std::uint32_t>(key), text, fresh);
  if (list == fresh) lists_.emplace_back();
  if (lists_[list].empty() || lists_[list].back() != number) lists_[list].push_back(number);  // a text may be there twice
}

// By the condition that holds for the fewest. A rule stands in a list for each text of that condition, so that it is found
// whichever holds.
void Ruleset::index(const Rule& rule, std::uint32_t number) {
  const auto add_all = [&](Key key, const std::vector<std::string>& texts) {
    for (const std::string& text : texts) add(key, text, number);
  };
  const bool narrow_remote = !rule.remote.empty() && std::none_of(rule.remote.begin(), rule.remote.end(), is_wide);
  const bool narrow_local = !rule.local.empty() && std::none_of(rule.local.begin(), rule.local.end(), is_wide);
  if (!rule.san.empty()) {
    for (const UriPattern& uri : rule.san) {
      add(uri.prefix ? Key::uri_prefix : Key::uri, uri.text, number);
      if (uri.prefix) prefix_sizes_.push_back(uri.text.size());
    }
  } else if (narrow_remote) {
    add_all(Key::remote, rule.remote);
  } else if (!rule.executables.empty()) {
    add_all(Key::executable, rule.executables);
  } else if (narrow_local) {
    add_all(Key::local, rule.local);
  } else if (!rule.services.empty()) {
    add_all(Key::service, rule.services);
  } else if (!rule.issuer.empty()) {
    add_all(Key::issuer, rule.issuer);
  } else {
    rest_.push_back(number);
  }
}

void Ruleset::look_up(Key key, std::string_view text, Merge& merge) const {
  if (const auto list = index_.find(static_cast<std::uint32_t>(key), text)) merge.add(lists_[*list]);
}

void Ruleset::gather(const Asked& asked, Merge& merge) const {
  merge.add(rest_);
  for (const std::string& selector : asked.remotes) look_up(Key::remote, selector, merge);
  for (const std::string& selector : asked.locals) look_up(Key::local, selector, merge);
  if (looks_at_uris_) {
    for (const std::string& uri : asked.uris) {
      look_up(Key::uri, uri, merge);
      for (const std::size_t size : prefix_sizes_) {
        if (size >= uri.size()) break;
        if (uri[size - 1] == '/') look_up(Key::uri_prefix, std::string_view(uri).substr(0, size), merge);
      }
    }
  }
  look_up(Key::service, asked.facts.service, merge);
  if (!asked.facts.executable.empty()) look_up(Key::executable, asked.facts.executable, merge);
  look_up(Key::issuer, asked.facts.issuer, merge);
  look_up(Key::issuer, asked.facts.anchor, merge);
}

Decision Ruleset::decide(const Facts& facts) const {
  if (rules_.empty()) return decide_without();
  const Asked asked(facts);
  if (looks_at_uris_ && asked.doubtful) {
    Decision out;
    out.reason = "the peer's certificate has a URI with a dotted part, of which rules can't say what it is below";
    return out;
  }
  Merge merge;
  gather(asked, merge);
  std::int64_t valid_until = 0;
  while (const auto number = merge.next()) {
    const Rule& rule = rules_[*number];
    if (!rule.fits(asked)) continue;
    for (const TimeWindow& window : rule.time) bound(valid_until, window.next_change(facts.now));
    if (!rule.in_time(facts.now)) continue;
    Decision out = decide_by(rule);
    out.valid_until = valid_until;
    return out;
  }
  Decision out = decide_without();
  out.valid_until = valid_until;
  return out;
}

Decision Ruleset::decide_by(const Rule& rule) const {
  Decision out;
  out.where = rule.where;
  out.action = rule.action;
  switch (rule.action) {
    case wire::RuleAction::deny: out.reason = "the rule at " + rule.where + " denies it"; return out;
    case wire::RuleAction::allow: out.reason = "the rule at " + rule.where + " allows it"; break;
    case wire::RuleAction::ask: out.reason = "the rule at " + rule.where + " leaves it to hooks"; break;
  }
  out.hooks = rule.hooks;
  out.attributes = rule.attributes;
  ask_everybody(out);
  return out;
}

Decision Ruleset::decide_without() const {
  Decision out;
  out.where = "default";
  const bool allowed = otherwise_ == wire::RuleDefault::allow || (otherwise_ == wire::RuleDefault::by_rules && rules_.empty());
  if (!allowed) {
    out.reason = "no [[rule]] allows it";
    return out;
  }
  out.action = wire::RuleAction::allow;
  out.reason = "no [[rule]] denies it";
  ask_everybody(out);
  return out;
}

void Ruleset::ask_everybody(Decision& decision) const {
  for (const std::string& hook : ask_) {
    if (!contains(decision.hooks, hook)) decision.hooks.push_back(hook);
  }
  if (!decision.hooks.empty()) decision.action = wire::RuleAction::ask;
}

bool Ruleset::asks_hooks() const {
  return !ask_.empty() || std::any_of(rules_.begin(), rules_.end(), [](const Rule& rule) { return rule.action == wire::RuleAction::ask; });
}

bool Ruleset::looks_at_uid() const {
  return asks_hooks() || std::any_of(rules_.begin(), rules_.end(), [](const Rule& rule) { return !rule.uids.empty(); });
}

bool Ruleset::looks_at_executable() const {
  return asks_hooks() || std::any_of(rules_.begin(), rules_.end(), [](const Rule& rule) { return !rule.executables.empty(); });
}

}  // namespace tlspool::authz
