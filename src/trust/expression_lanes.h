// SPDX-License-Identifier: Apache-2.0
// 64 evaluations of an expression at once: each bit of a word stands for one way in which the checks answer.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "trust/expression.h"

namespace tlspool::trust {

struct Lanes {
  std::uint64_t is_true = 0;
  std::uint64_t is_false = 0;
};
inline constexpr std::uint64_t every_lane = ~std::uint64_t{0};

/// How many words it takes to try all answers of `checks` checks.
[[nodiscard]] inline std::size_t blocks_of(std::size_t checks) { return checks <= 6 ? 1 : std::size_t{1} << (checks - 6); }

/// What the check of this position among those that are tried answers in each lane of a block.
[[nodiscard]] Lanes lanes_of(std::size_t position, std::size_t block);

/// `checks`: of each check of the expression.
[[nodiscard]] Lanes lanes_of(const Node& node, const std::vector<Lanes>& checks);

}  // namespace tlspool::trust
