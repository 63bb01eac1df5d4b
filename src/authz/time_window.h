// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <ctime>
#include <string_view>

#include "base/error.h"

namespace tlspool::authz {

/// Times of the week: "Mon-Fri 08:00-18:00", "Sat,Sun", "22:00-06:00 UTC". Days or hours may be left out, not both. The first
/// minute belongs to it, the last does not. Hours that end where they begin or before reach into the next day, which then
/// need not be one of the days. Without "UTC" it is what a clock on the wall of this machine shows: in the night when clocks are
/// put back an hour is there twice, and in the other one it is missing.
class TimeWindow {
 public:
  /// Code::invalid says what was expected.
  [[nodiscard]] static Result<TimeWindow> parse(std::string_view text);

  [[nodiscard]] bool holds(std::time_t at) const;
  /// The next moment at which holds() may change, later than `at`. Never later than it does.
  [[nodiscard]] std::time_t next_change(std::time_t at) const;

 private:
  [[nodiscard]] bool on(int weekday) const { return (days_ >> weekday & 1) != 0; }
  [[nodiscard]] std::tm wall(std::time_t at) const;
  Status read_days(std::string_view text);
  Status read_hours(std::string_view text);

  std::uint8_t days_ = 0x7f;  ///< bit 0: Sunday, as in tm_wday
  int from_ = 0;              ///< minutes since midnight
  int to_ = 24 * 60;
  bool utc_ = false;
};

}  // namespace tlspool::authz
