// SPDX-License-Identifier: Apache-2.0
#include "authz/time_window.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <random>

namespace tlspool::authz {
namespace {

// Europe/Berlin, by rule: the tests need no database of time zones.
class TimeWindows : public testing::Test {
 protected:
  TimeWindows() {
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    tzset();
  }
};

std::time_t utc(int year, int month, int day, int hour, int minute = 0) {
  std::tm t{};
  t.tm_year = year - 1900;
  t.tm_mon = month - 1;
  t.tm_mday = day;
  t.tm_hour = hour;
  t.tm_min = minute;
  return timegm(&t);
}

TimeWindow window(const std::string& text) {
  auto out = TimeWindow::parse(text);
  EXPECT_TRUE(out) << text << (out ? "" : out.error().text());
  return out.value_or(TimeWindow{});
}

std::string mistake(const std::string& text) {
  const auto out = TimeWindow::parse(text);
  return out ? "none" : out.error().subject + " " + out.error().reason;
}

// 2026-06-01 is a Monday; the wall shows two hours more than UTC.
TEST_F(TimeWindows, DaysAndHoursAreThoseOfTheWall) {
  const auto office = window("Mon-Fri 08:00-18:00");
  EXPECT_FALSE(office.holds(utc(2026, 6, 1, 5, 59)));
  EXPECT_TRUE(office.holds(utc(2026, 6, 1, 6)));
  EXPECT_TRUE(office.holds(utc(2026, 6, 5, 15, 59)));
  EXPECT_FALSE(office.holds(utc(2026, 6, 5, 16)));
  EXPECT_FALSE(office.holds(utc(2026, 6, 6, 10)));  // Saturday
}

TEST_F(TimeWindows, UtcIsUtc) {
  const auto office = window("Mon-Fri 08:00-18:00 UTC");
  EXPECT_FALSE(office.holds(utc(2026, 6, 1, 7, 59)));
  EXPECT_TRUE(office.holds(utc(2026, 6, 1, 8)));
}

TEST_F(TimeWindows, ANightBelongsToTheDayOnWhichItBegins) {
  const auto night = window("fri 22:00-06:00 UTC");
  EXPECT_TRUE(night.holds(utc(2026, 6, 5, 22)));
  EXPECT_TRUE(night.holds(utc(2026, 6, 6, 5, 59)));
  EXPECT_FALSE(night.holds(utc(2026, 6, 6, 6)));
  EXPECT_FALSE(night.holds(utc(2026, 6, 5, 3)));
  EXPECT_FALSE(night.holds(utc(2026, 6, 6, 23)));
}

TEST_F(TimeWindows, RangesOfDaysMayGoRoundTheWeek) {
  const auto out = window("Sat-Mon,Wed UTC");
  for (const auto& [day, on] : {std::pair(1, true), std::pair(2, false), std::pair(3, true), std::pair(4, false), std::pair(5, false), std::pair(6, true), std::pair(7, true)}) {
    EXPECT_EQ(out.holds(utc(2026, 6, day, 12)), on) << day;
  }
}

TEST_F(TimeWindows, HoursAloneAreForEveryDay) {
  EXPECT_TRUE(window("00:00-24:00").holds(utc(2026, 6, 6, 22)));
  EXPECT_TRUE(window("23:00-24:00 UTC").holds(utc(2026, 6, 7, 23, 59)));
}

TEST_F(TimeWindows, MistakesSayWhatWasExpected) {
  EXPECT_EQ(mistake(""), " names neither days nor hours");
  EXPECT_EQ(mistake("UTC"), "UTC names neither days nor hours");
  EXPECT_EQ(mistake("Mo 08:00-18:00"), "Mo is no day and no range of days: Mon, Tue, Wed, Thu, Fri, Sat or Sun was expected");
  EXPECT_EQ(mistake("Mon- 08:00-18:00"), "Mon- is no day and no range of days: Mon, Tue, Wed, Thu, Fri, Sat or Sun was expected");
  for (const char* hours : {"8:00-18:00", "08:00", "08:00-24:01", "24:00-06:00", "08:60-09:00", "08:00-18:00:00", "-1:00-02:00"}) {
    EXPECT_NE(mistake(hours), "none") << hours;
  }
  EXPECT_EQ(mistake("08:00-08:00"), "08:00-08:00 begins when it ends; for whole days write 00:00-24:00");
  EXPECT_EQ(mistake("08:00-18:00 Mon"), "Mon is too much: days, then hours, then UTC were expected");
  EXPECT_EQ(mistake("Mon UTC 08:00-18:00"), "08:00-18:00 stands behind UTC, which is the end");
}

// What holds now goes on to hold until then, minute by minute, also through both changes of the clocks.
TEST_F(TimeWindows, NothingChangesBeforeTheNextChange) {
  std::mt19937 random(1);
  const char* days[] = {"", "Mon-Fri ", "Sun ", "Sat,Sun ", "Tue "};
  for (int round = 0; round < 400; ++round) {
    char hours[32];
    const unsigned from = random() % 1440;
    const unsigned to = (from + 1 + random() % 1439) % 1440;
    std::snprintf(hours, sizeof hours, "%02u:%02u-%02u:%02u", from / 60, from % 60, to / 60, to % 60);
    const std::string text = std::string(days[random() % 5]) + hours + (random() % 4 == 0 ? " UTC" : "");
    const auto w = window(text);
    const std::time_t changes[] = {utc(2026, 3, 28, 0), utc(2026, 10, 24, 0), utc(2026, 6, 1, 0)};
    const std::time_t now = changes[random() % 3] + static_cast<std::time_t>(random() % (2 * 86400));
    const std::time_t next = w.next_change(now);
    ASSERT_GT(next, now);
    ASSERT_LE(next, now + 8 * 86400);
    for (std::time_t at = now; at < next; at += 60) ASSERT_EQ(w.holds(at), w.holds(now)) << text << " " << now << " " << at;
    ASSERT_EQ(w.holds(next - 1), w.holds(now)) << text;
  }
}

TEST_F(TimeWindows, WithoutAChangeOfClocksTheNextChangeIsOne) {
  const auto office = window("Mon-Fri 08:00-18:00 UTC");
  EXPECT_EQ(office.next_change(utc(2026, 6, 1, 8)), utc(2026, 6, 1, 18));
  EXPECT_EQ(office.next_change(utc(2026, 6, 5, 18)), utc(2026, 6, 8, 8));
  EXPECT_EQ(window("Mon 22:00-06:00 UTC").next_change(utc(2026, 6, 2, 1)), utc(2026, 6, 2, 6));
}

}  // namespace
}  // namespace tlspool::authz
