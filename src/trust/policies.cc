// SPDX-License-Identifier: Apache-2.0
#include "trust/policies.h"

#include <algorithm>
#include <optional>
#include <unordered_map>

#include "base/text.h"

namespace tlspool::trust {
namespace {

constexpr std::size_t longest_service = 255;

/// `offset`: in the text, in bytes.
Error mistake(const wire::PolicySetup& setup, const wire::PlacedText& text, std::size_t offset, std::string reason, std::string advice) {
  const std::string_view before = std::string_view(text.text).substr(0, offset);
  const auto breaks = static_cast<std::uint32_t>(std::count(before.begin(), before.end(), '\n'));
  std::string subject = at_line(setup.file, text.line);
  if (text.column > 0) {
    const std::size_t column = breaks == 0 ? text.column + offset : offset - before.rfind('\n');
    subject = at_line(setup.file, text.line + breaks) + ":" + std::to_string(column);
  }
  return {Code::config, "configuration", std::move(subject), std::move(reason), std::move(advice)};
}

/// Makes what the tables say, one by one; equal expressions once.
class TableReader {
 public:
  Result<Policy> read(const wire::PolicySetup& setup) {
    Policy out;
    out.where = at_line(setup.file, setup.line);
    if (auto done = read_selector(setup, setup.local, "local", out.local); !done) return fail(std::move(done.error()));
    if (auto done = read_selector(setup, setup.remote, "remote", out.remote); !done) return fail(std::move(done.error()));
    if (setup.service.text.size() > longest_service) {
      return fail(mistake(setup, setup.service, 0, "[policy] service is longer than " + std::to_string(longest_service) + " bytes", {}));
    }
    out.service = setup.service.text;
    const auto known = numbers_.find(setup.trust.text);
    if (known != numbers_.end()) {
      out.expression = known->second;
      return out;
    }
    auto made = parse_expression(setup.trust.text);
    if (!made) {
      return fail(mistake(setup, setup.trust, made.error().at, "[policy] trust: " + made.error().reason, std::move(made.error().advice)));
    }
    out.expression = static_cast<std::uint32_t>(expressions_.size());
    expressions_.push_back(std::move(*made));
    numbers_.emplace(setup.trust.text, out.expression);
    return out;
  }

  std::vector<Expression> take() { return std::move(expressions_); }

 private:
  static Status read_selector(const wire::PolicySetup& setup, const wire::PlacedText& text, const std::string& key, std::string& out) {
    if (text.text.empty()) return {};
    auto normal = normal_selector(text.text);
    if (!normal) {
      return fail(mistake(setup, text, 0, "[policy] " + key + " \"" + printable(text.text) + "\" is no selector: " + normal.error().reason,
                          std::move(normal.error().advice)));
    }
    out = std::move(*normal);
    return {};
  }

  std::vector<Expression> expressions_;
  std::unordered_map<std::string, std::uint32_t> numbers_;
};

std::uint8_t bit(std::uint8_t set) { return static_cast<std::uint8_t>(1u << set); }

}  // namespace

std::string Policy::selects() const {
  std::string out;
  const auto add = [&](std::string_view key, const std::string& value) {
    if (!value.empty()) out += (out.empty() ? "" : ", ") + std::string(key) + " " + printable(value);
  };
  add("local", local);
  add("remote", remote);
  add("service", service);
  return out.empty() ? "everything" : out;
}

/// What a session is, in all selectors that select it.
struct Policies::Query {
  std::vector<std::string> locals;
  std::vector<std::string> remotes;
  std::string_view service;
};

Result<Policies> Policies::make(const std::vector<wire::PolicySetup>& setups) {
  Policies out;
  TableReader reader;
  out.policies_.reserve(setups.size());
  std::uint32_t next_scope = sets;
  for (const wire::PolicySetup& setup : setups) {
    auto policy = reader.read(setup);
    if (!policy) return fail(std::move(policy.error()));
    std::vector<const std::string*> path;
    std::uint8_t set = 0;
    for (const auto& [key, text] : {std::pair(has_service, &policy->service), std::pair(has_remote, &policy->remote), std::pair(has_local, &policy->local)}) {
      if (text->empty()) continue;
      set |= key;
      path.push_back(text);
    }
    const auto number = static_cast<std::uint32_t>(out.policies_.size());
    std::uint32_t there = number;
    if (path.empty()) {
      if ((out.present_ & bit(0)) == 0) out.everything_ = number;
      there = out.everything_;
    }
    std::uint32_t scope = set;
    for (std::size_t i = 0; i < path.size(); ++i) {
      const bool last = i + 1 == path.size();
      const std::uint32_t value = out.steps_.add(scope, *path[i], last ? number : next_scope);
      if (!last && value == next_scope) ++next_scope;
      scope = value;
      there = value;
    }
    if (there != number) {
      return fail({Code::config, "configuration", policy->where, "there is a policy for " + policy->selects() + " already",
                   "the other is at " + out.policies_[there].where});
    }
    out.present_ |= bit(set);
    out.policies_.push_back(std::move(*policy));
  }
  out.expressions_ = reader.take();
  return out;
}

void Policies::find_in(std::uint8_t set, const Query& query, Found& found) const {
  const auto step = [&](std::uint32_t scope, std::string_view selector) {
    ++found.lookups;
    return steps_.find(scope, selector);
  };
  const auto narrowest_local = [&](std::uint32_t scope) -> std::optional<std::uint32_t> {
    if ((set & has_local) == 0) return scope;
    for (const std::string& local : query.locals) {
      if (const auto hit = step(scope, local)) return hit;
    }
    return std::nullopt;
  };
  const auto take = [&](std::uint32_t policy) { found.policies.push_back(&policies_[policy]); };
  std::uint32_t scope = set;
  if ((set & has_service) != 0) {
    const auto hit = step(scope, query.service);
    if (!hit) return;
    scope = *hit;
  }
  if ((set & has_remote) == 0) {
    if (const auto hit = narrowest_local(scope)) take(*hit);
    return;
  }
  for (const std::string& remote : query.remotes) {
    const auto below = step(scope, remote);
    if (!below) continue;
    if (const auto hit = narrowest_local(*below)) return take(*hit);
  }
}

Policies::Found Policies::find(std::string_view local, std::string_view remote, std::string_view service) const {
  Found out;
  const Query query{selectors_of(local), selectors_of(remote), service};
  if ((present_ & bit(0)) != 0) out.policies.push_back(&policies_[everything_]);
  for (std::uint8_t set = 1; set < sets; ++set) {
    if ((present_ & bit(set)) != 0) find_in(set, query, out);
  }
  return out;
}

}  // namespace tlspool::trust
