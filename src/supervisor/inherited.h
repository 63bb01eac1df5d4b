// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "wire/json.h"

namespace tlspool::supervisor {

/// What the pool from before an upgrade counts, in the supervisor's own page: so it is part of the sums, and totals go on over the upgrade.
/// Told by names, since the two may be of different versions; what only one of them has is left out.
class Inherited {
 public:
  /// A reply to Statistics. `tokens`: names by number.
  void take(const wire::Value& statistics, const std::vector<std::string>& tokens);
  /// The pool is gone: nothing of it is open or under way. Totals stay.
  void end();

 private:
  void set(std::size_t slot, std::uint64_t value);
  std::vector<std::uint64_t> last_;  // by slot
};

}  // namespace tlspool::supervisor
