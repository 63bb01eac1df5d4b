// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

#include "trust/expression.h"

namespace tlspool::trust {

/// What one part of an expression came to, and the parts below it.
struct Explained {
  enum class Said : std::uint8_t {
    yes,
    no,
    no_answer,  ///< it is not shown either way, and what would help will not come
    open,       ///< pending checks were not needed, or have not answered yet
  };
  std::string text;    ///< of the part; of a branch with its "if ", "then " or "else "
  Said said = Said::open;
  std::string reason;  ///< of a check, for people; may be empty
  std::vector<Explained> parts;
};

/// `reasons` in the order of Expression::checks: what each check has to say about its answer. Missing ones are empty.
[[nodiscard]] Explained explain(const Expression& expression, const Answers& answers, const std::vector<std::string>& reasons);

/// A line for each part, below its own one and further in:
///
///   yes        (chain and name) or pin
///   yes          chain and name
///   yes            chain: leads to Example CA
///   yes            name
///   not asked    pin
///
/// Safe on a terminal whatever the reasons say.
[[nodiscard]] std::string render(const Explained& explained);

}  // namespace tlspool::trust
