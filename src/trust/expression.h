// SPDX-License-Identifier: Apache-2.0
// Whom to trust, as a logic expression over checks: `(chain and name) or pin or dane`.
//
// A check says yes or no, or it has no answer, and then it is false under either polarity: `dane` does not hold and
// `not dane` does not hold. So an expression is not a truth value. It is two claims, "it is shown to be true" and "it is
// shown to be false", of which one may be made, or none; `not` swaps them, and the policy holds where the whole
// expression is shown to be true.
//
// De Morgan's laws. It would be wrong to take "no answer" for "no" where a check or its negation stands and to calculate with
// two values from there on: with no answer from a and a yes from b, `not a or not b` would not hold while `not (a and b)`
// would, for `a and b` does not. The laws fail for that reading, and it fails open. For the two claims they hold: the same
// answers show `not (a and b)` and `not a or not b` to be true, and to be false. What does not hold for these is the excluded
// middle, `a or not a`: that a policy does not hold is less than that its negation does. An `if` whose condition has no answer
// shows nothing, even where both branches agree; its negation is the `if` with both branches negated.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "trust/check.h"

namespace tlspool::trust {

/// Far more than anybody reads; they bound what a configuration can cost.
inline constexpr std::size_t longest_expression = 4096;  ///< bytes
inline constexpr std::size_t deepest_expression = 32;    ///< parentheses, not and if inside each other
inline constexpr std::size_t most_checks = 16;           ///< different ones: 65,536 ways in which they can answer yes and no
inline constexpr std::size_t most_mentions = 64;         ///< places in which a check stands

struct Node {
  enum class Kind : std::uint8_t {
    check,
    negation,  ///< of parts[0]
    all,       ///< two parts or more
    any,       ///< two parts or more
    choice,    ///< parts: if, then, else
  };
  Kind kind = Kind::check;
  std::size_t check = 0;  ///< Kind::check: index in Expression::checks
  std::vector<Node> parts;
  std::size_t at = 0;     ///< where it stands in the text, in bytes

  /// Whatever the places.
  friend bool operator==(const Node& a, const Node& b) {
    return a.kind == b.kind && a.check == b.check && a.parts == b.parts;
  }
};

struct Expression {
  std::vector<Check> checks;  ///< each once, in the order in which they come first
  Node root;

  friend bool operator==(const Expression&, const Expression&) = default;
};

/// `or` binds less than `and`, that less than `not`; the else of an `if` reaches as far as it can. A mistake says where and what was
/// expected. An expression that can't hold whatever the checks answer is a mistake, and so is a part of it that is of no use for the
/// same reason, such as an operand of `or`.
[[nodiscard]] tl::expected<Expression, Mistake> parse_expression(std::string_view text);

/// The text that parse_expression() makes the same expression of. It has parentheses around every list that is inside another.
[[nodiscard]] std::string text(const Expression& expression);
/// Of a part of it.
[[nodiscard]] std::string text(const Expression& expression, const Node& node);

/// A part that can't be shown to be true whatever the checks answer, where the parts around it are; null where there is none. Some
/// checks say the same as others: `dane` never says yes without `dane-if-present`.
[[nodiscard]] const Node* useless_part(const Expression& expression);

enum class Answer : std::uint8_t {
  pending,  ///< not asked, or not answered yet
  yes,
  no,
  unknown,  ///< asked in vain: it has no answer and will have none
};
/// In the order of Expression::checks. What is missing at the end is pending.
using Answers = std::vector<Answer>;

enum class Outcome : std::uint8_t {
  holds,      ///< whatever the pending checks will answer
  fails,      ///< whatever the pending checks will answer
  undecided,  ///< it depends on them
};
/// Exact: undecided means that there are answers for either.
[[nodiscard]] Outcome evaluate(const Expression& expression, const Answers& answers);

/// Which pending checks may still change the outcome: indices in Expression::checks, in that order. None where it is certain. Never
/// one too few; one too many only where a check stands in several places.
[[nodiscard]] std::vector<std::size_t> wanted(const Expression& expression, const Answers& answers);

/// What can be said of a part with the answers that are there.
struct Shown {
  bool is_true = false;
  bool is_false = false;
  bool may_be_true = false;   ///< is, or may be once the pending checks have answered
  bool may_be_false = false;
};
[[nodiscard]] Shown shown(const Node& node, const Answers& answers);

}  // namespace tlspool::trust
