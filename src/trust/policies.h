// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "trust/expression.h"
#include "trust/selector.h"
#include "wire/policy.h"

namespace tlspool::trust {

/// A policy of the configuration.
struct Policy {
  std::string local;    ///< normal selector; empty: whatever it is
  std::string remote;   ///< normal selector; empty: whatever it is
  std::string service;  ///< empty: whatever it is
  std::uint32_t expression = 0;
  std::string where;    ///< FILE:LINE

  /// "local .example, service smtp", or "everything".
  [[nodiscard]] std::string selects() const;
};

/// All policies of the machine, found by what a session is.
class Policies {
 public:
  /// The first mistake is the error: Code::config, subject "FILE:LINE:COLUMN".
  [[nodiscard]] static Result<Policies> make(const std::vector<wire::PolicySetup>& setups);

  struct Found {
    std::vector<const Policy*> policies;  ///< all of them must hold; in the order of their sets of keys
    std::size_t lookups = 0;              ///< how many hash lookups it took
  };
  /// Policies with the same set of keys (local, remote, service) make one set, of which the narrowest applies: the one with the
  /// narrowest remote selector that fits, and of those the one with the narrowest local one. None are found where nothing is
  /// configured for this session. `local` and `remote` are normalised, or empty where they are not known: then no
  /// policy applies that has this key.
  [[nodiscard]] Found find(std::string_view local, std::string_view remote, std::string_view service) const;

  [[nodiscard]] const Expression& expression(const Policy& policy) const { return expressions_[policy.expression]; }
  /// Each different one.
  [[nodiscard]] const std::vector<Expression>& expressions() const { return expressions_; }
  [[nodiscard]] std::size_t size() const { return policies_.size(); }

 private:
  /// Which keys the policies of a set have.
  enum Key : std::uint8_t { has_service = 1, has_remote = 2, has_local = 4 };
  static constexpr std::uint8_t sets = 8;
  struct Query;

  void find_in(std::uint8_t set, const Query& query, Found& found) const;

  std::vector<Policy> policies_;
  std::vector<Expression> expressions_;  ///< each text once
  // A path of up to three steps leads to a policy: service, remote, local, where the set has that key. Each step's value is the scope of
  // the next; the last one's is the policy. A set's first step has the set's own number for scope.
  SelectorIndex steps_;
  std::uint8_t present_ = 0;  ///< sets that have a policy, as bits
  std::uint32_t everything_ = 0;  ///< the policy without keys, where that set is present
};

}  // namespace tlspool::trust
