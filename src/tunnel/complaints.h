// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tlspool::tunnel {

/// Lets a few lines a second through and counts the rest, so that a flood of failing peers is not also a
/// flood of lines. Pure: the clock comes in from outside.
class Complaints {
 public:
  static constexpr unsigned lines_a_second = 10;
  /// What to write for one failure at `now` (milliseconds, monotonic); nothing where it is only counted.
  [[nodiscard]] std::optional<std::string> line(std::uint64_t now, std::string_view peer, std::string_view what);

 private:
  std::uint64_t second_ = 0;
  unsigned written_ = 0;
  std::uint64_t suppressed_ = 0;
};

}  // namespace tlspool::tunnel
