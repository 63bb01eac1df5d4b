// SPDX-License-Identifier: Apache-2.0
// Which local identity may be shown to which remote (docs/disclosure.md).
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "trust/selector.h"
#include "wire/disclosure.h"

namespace tlspool::authz {

/// A rule of the configuration.
struct Disclosure {
  std::string local;    ///< normal selector; empty: whatever it is
  std::string remote;   ///< normal selector; empty: whoever it is, also where that is not known
  std::string service;  ///< empty: whatever it is
  std::vector<std::uint32_t> uids;  ///< none: everybody
  std::uint8_t standings = 0;       ///< wire::StandingBits
  wire::Show show = wire::Show::no;
  bool offer = false;
  std::string where;    ///< FILE:LINE
};

/// What is about to be shown, to whom, for whom. Identities are normalised, and empty where they are not known.
struct Showing {
  std::string_view local;
  std::string_view remote;
  std::string_view service;
  std::uint32_t uid = 0;
  wire::StandingBits standing = wire::as_client;
};

/// All [[disclosure]] rules, found by what is about to be shown.
class Disclosures {
 public:
  /// The first mistake is the error: Code::config, subject "FILE:LINE:COLUMN".
  [[nodiscard]] static Result<Disclosures> make(const std::vector<wire::DisclosureSetup>& setups);

  struct Decision {
    wire::Show show = wire::Show::yes;
    const Disclosure* rule = nullptr;  ///< that says so; null: none applies
  };
  /// A rule gives way to every rule that is narrower: at least as narrow in each of remote, local, service and uid, and
  /// narrower in one. Of those that are left, of which none is narrower than another, the most careful decides.
  [[nodiscard]] Decision decide(const Showing& showing) const;

  /// The rules with `offer` whose remote selector is the narrowest that fits; showing.local plays no part. Whether the identity
  /// may be shown is for decide().
  [[nodiscard]] std::vector<const Disclosure*> offers(const Showing& showing) const;

  [[nodiscard]] bool empty() const { return rules_.empty(); }
  [[nodiscard]] std::size_t size() const { return rules_.size(); }

 private:
  // A path of up to four steps leads to a rule: service, remote, local, uid, where the rule has that key. Each step's value is the
  // scope of the next; the last one's is the rule. The first step's scope is the standing and the set of keys.
  static constexpr std::size_t keys = 4;
  static constexpr std::uint32_t sets = 1 << keys;
  static constexpr std::uint32_t standings = 3;
  static constexpr std::uint32_t no_rule = 0xffffffff;
  /// For each key, which of the selectors that fit it is; `absent` where the rule does not have the key.
  using Ranks = std::array<std::uint32_t, keys>;
  static constexpr std::uint32_t absent = 0xffffffff;
  struct Candidate {
    const Disclosure* rule;
    Ranks ranks;
  };
  struct Query {
    std::array<std::vector<std::string>, keys> forms;  ///< the selectors that fit, the narrowest first
  };

  [[nodiscard]] std::uint32_t add_path(std::uint32_t scope, const std::vector<std::string>& path, std::uint32_t rule);
  [[nodiscard]] static bool narrower(const Candidate& a, const Candidate& b);
  void walk(std::uint32_t set, std::uint32_t scope, std::size_t key, Ranks& ranks, const Query& query, std::vector<Candidate>& out) const;

  std::vector<Disclosure> rules_;
  trust::SelectorIndex steps_;
  std::uint32_t next_scope_ = standings * sets;
  std::array<std::array<bool, sets>, standings> present_{};
  std::array<std::uint32_t, standings> everything_{no_rule, no_rule, no_rule};  ///< rules without keys
  trust::SelectorIndex offers_at_;                    ///< remote selector, or nothing, to an index in offers_
  std::vector<std::vector<std::uint32_t>> offers_;    ///< rules
};

}  // namespace tlspool::authz
