// SPDX-License-Identifier: Apache-2.0
#include "authz/time_window.h"

#include <array>
#include <optional>

#include "base/text.h"

namespace tlspool::authz {
namespace {

constexpr int minutes_a_day = 24 * 60;
constexpr std::time_t seconds_a_day = 24 * 60 * 60;
constexpr std::array<std::string_view, 7> day_names{"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

tl::unexpected<Error> wrong(std::string_view part, std::string reason) {
  return fail({Code::invalid, "time", printable(part), std::move(reason), "write it as \"Mon-Fri 08:00-18:00\", with UTC behind it where that is meant"});
}

std::optional<int> day_of(std::string_view text) {
  const std::string name = lower(text);
  for (std::size_t i = 0; i < day_names.size(); ++i) {
    if (name == day_names[i]) return static_cast<int>(i);
  }
  return std::nullopt;
}

/// Minutes since midnight, of HH:MM.
std::optional<int> minute_of(std::string_view text) {
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  const auto digit = [&](std::size_t i) { return text[i] >= '0' && text[i] <= '9' ? text[i] - '0' : 100; };
  const int hour = digit(0) * 10 + digit(1);
  const int minute = digit(3) * 10 + digit(4);
  if (hour > 24 || minute > 59 || (hour == 24 && minute != 0)) return std::nullopt;
  return hour * 60 + minute;
}

}  // namespace

Status TimeWindow::read_days(std::string_view text) {
  days_ = 0;
  for (const std::string& part : split(text, ',')) {
    const auto dash = part.find('-');
    const auto first = day_of(std::string_view(part).substr(0, dash));
    const auto last = dash == std::string::npos ? first : day_of(std::string_view(part).substr(dash + 1));
    if (!first || !last) return wrong(part, "is no day and no range of days: Mon, Tue, Wed, Thu, Fri, Sat or Sun was expected");
    for (int day = *first;; day = (day + 1) % 7) {
      days_ |= static_cast<std::uint8_t>(1 << day);
      if (day == *last) break;
    }
  }
  return {};
}

Status TimeWindow::read_hours(std::string_view text) {
  const auto dash = text.find('-');
  const auto from = minute_of(text.substr(0, dash));
  const auto to = dash == std::string_view::npos ? std::nullopt : minute_of(text.substr(dash + 1));
  if (!from || !to || *from == minutes_a_day) return wrong(text, "is no range of hours: such as 08:00-18:00 was expected, at most 24:00");
  if (*from == *to) return wrong(text, "begins when it ends; for whole days write 00:00-24:00");
  from_ = *from;
  to_ = *to;
  return {};
}

Result<TimeWindow> TimeWindow::parse(std::string_view text) {
  TimeWindow out;
  bool days = false;
  bool hours = false;
  for (const std::string& part : split(text, ' ')) {
    if (part.empty()) continue;
    if (out.utc_) return wrong(part, "stands behind UTC, which is the end");
    if (part == "UTC") {
      out.utc_ = true;
      continue;
    }
    const bool digits = part[0] >= '0' && part[0] <= '9';
    if (hours || (days && !digits)) return wrong(part, "is too much: days, then hours, then UTC were expected");
    if (auto done = digits ? out.read_hours(part) : out.read_days(part); !done) return fail(std::move(done.error()));
    (digits ? hours : days) = true;
  }
  if (!days && !hours) return wrong(text, "names neither days nor hours");
  return out;
}

std::tm TimeWindow::wall(std::time_t at) const {
  std::tm out{};
  utc_ ? gmtime_r(&at, &out) : localtime_r(&at, &out);
  return out;
}

bool TimeWindow::holds(std::time_t at) const {
  const std::tm now = wall(at);
  const int minute = now.tm_hour * 60 + now.tm_min;
  if (from_ < to_) return on(now.tm_wday) && from_ <= minute && minute < to_;
  return (on(now.tm_wday) && minute >= from_) || (on((now.tm_wday + 6) % 7) && minute < to_);
}

std::time_t TimeWindow::next_change(std::time_t at) const {
  const auto offset = [this](std::time_t when) { return wall(when).tm_gmtoff; };
  const std::tm now = wall(at);
  // Seconds of a clock that shows UTC when the wall's clock shows local time.
  const std::time_t shown = at + now.tm_gmtoff;
  const std::time_t midnight = shown - (now.tm_hour * 60 + now.tm_min) * 60 - now.tm_sec;
  std::time_t next = midnight + 8 * seconds_a_day;  // within a week every window begins
  for (int day = -1; day <= 7; ++day) {
    if (!on((now.tm_wday + day + 7) % 7)) continue;
    const std::time_t start = midnight + day * seconds_a_day;
    for (const int minute : {from_, from_ < to_ ? to_ : to_ + minutes_a_day}) {
      const std::time_t when = start + minute * 60;
      if (when > shown && when < next) next = when;
    }
  }
  next -= now.tm_gmtoff;
  if (offset(next) == now.tm_gmtoff) return next;
  // Clocks are put forward or back before then; nobody relies on what holds now for longer than until that.
  std::time_t same = at;
  while (next - same > 1) {
    const std::time_t middle = same + (next - same) / 2;
    (offset(middle) == now.tm_gmtoff ? same : next) = middle;
  }
  return next;
}

}  // namespace tlspool::authz
