// Hours as text, and on the calendar: with days on which the clock jumps.
#include "policy/hours.hpp"

#include <cstdio>
#include <thread>
#include <vector>

#include "config/base/check.hpp"
#include "policy/time_zones.hpp"
#include "policy_text.hpp"

namespace sallyport::policy::hours_test {
namespace {

using namespace std::chrono_literals;

Hours hours(std::string_view text) {
  auto parsed = parse_hours(text);
  EXPECT_TRUE(parsed) << text << ": " << (parsed ? "" : parsed.error());
  return parsed ? *parsed : Hours{};
}

// "2026-03-29 01:00", in UTC.
TimePoint utc(std::string_view text) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0;
  SP_CHECK(std::sscanf(std::string(text).c_str(), "%d-%d-%d %d:%d", &year, &month, &day, &hour, &minute) == 5);
  return std::chrono::sys_days{std::chrono::year{year} / month / day} + std::chrono::hours(hour) +
         std::chrono::minutes(minute);
}

std::string text_of(std::optional<TimePoint> at) {
  if (!at) return "never";
  const auto day = std::chrono::floor<std::chrono::days>(*at);
  const std::chrono::year_month_day date{day};
  const auto minutes = std::chrono::floor<std::chrono::minutes>(*at - day).count();
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, "%d-%02u-%02u %02d:%02d", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), static_cast<int>(minutes / 60),
                static_cast<int>(minutes % 60));
  return buffer;
}

// The next `count` changes after `at`, in UTC, each with what begins there.
std::vector<std::string> changes(std::string_view text, std::string_view from, int count) {
  const Hours parsed = hours(text);
  std::vector<std::string> result;
  TimePoint at = utc(from);
  for (int i = 0; i < count; ++i) {
    const auto next = parsed.next_change(at);
    result.push_back(text_of(next) + (next && parsed.contains(*next) ? " in" : " out"));
    if (!next) break;
    EXPECT_NE(parsed.contains(*next), parsed.contains(*next - 1s));
    at = *next;
  }
  return result;
}

TEST(HoursText, EveryForm) {
  const auto days = [](std::string_view text) {
    std::string result;
    for (const bool day : hours(std::string(text) + " 07:00-19:00 UTC").days) result += day ? 'x' : '.';
    return result;
  };
  EXPECT_EQ(days("*"), "xxxxxxx");
  EXPECT_EQ(days("Mon-Fri"), "xxxxx..");
  EXPECT_EQ(days("Sat,Sun"), ".....xx");
  EXPECT_EQ(days("Fri-Mon"), "x...xxx");
  EXPECT_EQ(days("Wed"), "..x....");
  EXPECT_EQ(days("Tue-Tue"), ".x.....");
  EXPECT_EQ(days("Mon,Wed-Fri,Sun"), "x.xxx.x");
  EXPECT_EQ(hours("* 22:00-06:30 America/New_York").begin, 22h);
  EXPECT_EQ(hours("* 22:00-06:30 America/New_York").end, 390min);
  EXPECT_EQ(hours("* 00:00-24:00 UTC").end, 24h);
  EXPECT_EQ(hours("* 00:00-24:00 Asia/Kolkata").zone, "Asia/Kolkata");
}

TEST(HoursText, WhatIsNone) {
  for (const auto text : {"",
                          "Mon",
                          "Mon 07:00-19:00",
                          "Mon 07:00-19:00 ",
                          "Monday 07:00-19:00 UTC",
                          "mon 07:00-19:00 UTC",
                          "Mon- 07:00-19:00 UTC",
                          ",Mon 07:00-19:00 UTC",
                          "Mon, 07:00-19:00 UTC",
                          "Mon-Tue-Wed 07:00-19:00 UTC",
                          "*,Mon 07:00-19:00 UTC",
                          "Mon 7:00-19:00 UTC",
                          "Mon 07:00 UTC",
                          "Mon 07:00-19:60 UTC",
                          "Mon 24:00-07:00 UTC",
                          "Mon 07:00-24:01 UTC",
                          "Mon 07:00-25:00 UTC",
                          "Mon 07:0a-19:00 UTC",
                          "Mon  07:00-19:00 UTC",
                          "Mon 07:00-19:00-20:00 UTC"})
    EXPECT_EQ(message_of(parse_hours(text)),
              "expected hours such as \"Mon-Fri 07:00-19:00 Europe/Berlin\", \"Sat,Sun 00:00-24:00 UTC\" or \"* "
              "22:00-06:00 UTC\", got the string \"" +
                  std::string(text) + '"');
}

TEST(HoursText, UnknownZoneIsNamedWithTheClosest) {
  EXPECT_EQ(parse_hours("* 00:00-24:00 Europe/Berlni").error(),
            "there is no time zone \"Europe/Berlni\"; did you mean 'Europe/Berlin'?");
  EXPECT_EQ(parse_hours("* 00:00-24:00 Mars/Olympus_Mons_Base_7").error(),
            "there is no time zone \"Mars/Olympus_Mons_Base_7\"");
  for (const auto zone : {"localtime", "posix/UTC", "../UTC", "/etc/passwd", "Europe", "posixrules", "zone.tab"})
    EXPECT_FALSE(parse_hours("* 00:00-24:00 " + std::string(zone))) << zone;
}

TEST(Hours, BeginIsInAndEndIsOut) {
  const Hours office = hours("Mon-Fri 07:00-19:00 Europe/Berlin");
  EXPECT_FALSE(office.contains(utc("2026-01-05 06:00") - 1s));  // a Monday
  EXPECT_TRUE(office.contains(utc("2026-01-05 06:00")));
  EXPECT_TRUE(office.contains(utc("2026-01-05 18:00") - 1s));
  EXPECT_FALSE(office.contains(utc("2026-01-05 18:00")));
  EXPECT_FALSE(office.contains(utc("2026-01-10 12:00")));  // a Saturday
  EXPECT_TRUE(office.contains(utc("2026-07-06 05:00")));   // in summer an hour earlier
  EXPECT_FALSE(office.contains(utc("2026-07-06 17:00")));
}

TEST(Hours, ChangeAtTheirEdges) {
  EXPECT_EQ(changes("Mon-Fri 07:00-19:00 Europe/Berlin", "2026-01-09 12:00", 3),
            (std::vector<std::string>{"2026-01-09 18:00 out", "2026-01-12 06:00 in", "2026-01-12 18:00 out"}));
  EXPECT_EQ(changes("Sat,Sun 00:00-24:00 UTC", "2026-01-09 12:00", 3),
            (std::vector<std::string>{"2026-01-10 00:00 in", "2026-01-12 00:00 out", "2026-01-17 00:00 in"}));
}

TEST(Hours, GoOnIntoTheNextDay) {
  EXPECT_EQ(changes("Fri 22:00-06:00 UTC", "2026-01-09 12:00", 3),
            (std::vector<std::string>{"2026-01-09 22:00 in", "2026-01-10 06:00 out", "2026-01-16 22:00 in"}));
  EXPECT_TRUE(hours("Fri 22:00-06:00 UTC").contains(utc("2026-01-10 05:59")));
  EXPECT_FALSE(hours("Fri 22:00-06:00 UTC").contains(utc("2026-01-09 05:59")));
  EXPECT_EQ(changes("Fri 09:00-09:00 UTC", "2026-01-08 12:00", 2),
            (std::vector<std::string>{"2026-01-09 09:00 in", "2026-01-10 09:00 out"}));
}

TEST(Hours, ThatAreAlwaysNeverChange) {
  EXPECT_EQ(changes("* 00:00-24:00 Europe/Berlin", "2026-03-20 12:00", 1), std::vector<std::string>{"never out"});
  EXPECT_EQ(changes("* 02:30-02:30 Europe/Berlin", "2026-03-20 12:00", 1), std::vector<std::string>{"never out"});
  EXPECT_EQ(changes("Mon-Sun 00:00-00:00 America/New_York", "2026-10-28 12:00", 1),
            std::vector<std::string>{"never out"});
  EXPECT_TRUE(hours("* 00:00-24:00 Europe/Berlin").contains(utc("2026-03-29 01:00")));
}

// Europe/Berlin 2026: at 2026-03-29 01:00 UTC, 02:00 becomes 03:00; at 2026-10-25 01:00 UTC, 03:00 becomes 02:00.
TEST(HoursOverAJump, LocalTimesThatNeverComeAreTheJump) {
  EXPECT_EQ(changes("* 02:30-05:00 Europe/Berlin", "2026-03-28 12:00", 2),
            (std::vector<std::string>{"2026-03-29 01:00 in", "2026-03-29 03:00 out"}));
  EXPECT_EQ(changes("* 01:00-02:30 Europe/Berlin", "2026-03-28 12:00", 2),
            (std::vector<std::string>{"2026-03-29 00:00 in", "2026-03-29 01:00 out"}));
  EXPECT_EQ(changes("* 22:00-02:15 Europe/Berlin", "2026-03-28 22:00", 1),
            std::vector<std::string>{"2026-03-29 01:00 out"});
  // All of it lies in the gap: that day has none of it.
  EXPECT_EQ(changes("Sun 02:15-02:45 Europe/Berlin", "2026-03-28 12:00", 2),
            (std::vector<std::string>{"2026-04-05 00:15 in", "2026-04-05 00:45 out"}));
}

TEST(HoursOverAJump, LocalTimesThatComeTwiceAreAsLongAsTheyCanBe) {
  EXPECT_EQ(changes("* 02:30-05:00 Europe/Berlin", "2026-10-24 12:00", 2),
            (std::vector<std::string>{"2026-10-25 00:30 in", "2026-10-25 04:00 out"}));
  EXPECT_EQ(changes("* 01:00-02:30 Europe/Berlin", "2026-10-24 12:00", 2),
            (std::vector<std::string>{"2026-10-24 23:00 in", "2026-10-25 01:30 out"}));
  EXPECT_EQ(changes("* 02:15-02:45 Europe/Berlin", "2026-10-24 12:00", 2),
            (std::vector<std::string>{"2026-10-25 00:15 in", "2026-10-25 01:45 out"}));
  EXPECT_EQ(changes("* 00:00-12:00 Europe/Berlin", "2026-10-24 12:00", 2),
            (std::vector<std::string>{"2026-10-24 22:00 in", "2026-10-25 11:00 out"}));
}

// America/New_York 2026: at 2026-03-08 07:00 UTC, 02:00 becomes 03:00; at 2026-11-01 06:00 UTC, 02:00 becomes 01:00.
TEST(HoursOverAJump, OfAnotherContinent) {
  EXPECT_EQ(changes("* 02:30-05:00 America/New_York", "2026-03-07 12:00", 2),
            (std::vector<std::string>{"2026-03-08 07:00 in", "2026-03-08 09:00 out"}));
  EXPECT_EQ(changes("Sun 01:30-02:00 America/New_York", "2026-10-31 12:00", 2),
            (std::vector<std::string>{"2026-11-01 05:30 in", "2026-11-01 07:00 out"}));
  EXPECT_EQ(changes("* 22:00-01:30 America/New_York", "2026-11-01 02:00", 1),
            std::vector<std::string>{"2026-11-01 06:30 out"});
}

TEST(Hours, OfZonesWithHalfHours) {
  EXPECT_EQ(changes("* 09:00-17:00 Asia/Kolkata", "2026-01-01 00:00", 2),
            (std::vector<std::string>{"2026-01-01 03:30 in", "2026-01-01 11:30 out"}));
  // Lord Howe Island's clock jumps by half an hour: at 2026-04-04 15:00 UTC, 02:00 becomes 01:30.
  EXPECT_EQ(changes("* 01:45-03:00 Australia/Lord_Howe", "2026-04-04 12:00", 2),
            (std::vector<std::string>{"2026-04-04 14:45 in", "2026-04-04 16:30 out"}));
}

TEST(Hours, OfADayThatAZoneLeftOut) {
  // Samoa had no 30 December 2011, a Friday: at 10:00 UTC, the 29th became the 31st.
  EXPECT_EQ(changes("Fri 09:00-17:00 Pacific/Apia", "2011-12-29 12:00", 1),
            std::vector<std::string>{"2012-01-05 19:00 in"});
  EXPECT_EQ(changes("* 00:00-24:00 Pacific/Apia", "2011-12-29 12:00", 1), std::vector<std::string>{"never out"});
}

// Minute by minute on the wall, without knowing of instants: the definition, for days without a jump.
TEST(Hours, AgreeWithTheWallClock) {
  for (const auto text : {"Mon-Fri 07:00-19:00 Europe/Berlin", "Fri-Mon 22:15-06:45 America/New_York",
                          "Wed,Sun 12:00-12:00 Asia/Kolkata"}) {
    const Hours parsed = hours(text);
    const auto zone = *TimeZone::find(parsed.zone);
    bool before = parsed.contains(utc("2026-06-01 00:00"));
    std::optional<TimePoint> announced = parsed.next_change(utc("2026-06-01 00:00"));
    for (TimePoint at = utc("2026-06-01 00:00"); at < utc("2026-06-16 00:00"); at += 15min) {
      const auto local = zone.to_local(at);
      const auto day = std::chrono::floor<std::chrono::days>(local);
      const auto time = local - day;
      const auto on = [&](std::chrono::days which) {
        return parsed.days[std::chrono::weekday{std::chrono::sys_days{which}}.iso_encoding() - 1];
      };
      const bool wraps = parsed.end <= parsed.begin;
      const bool expected =
          wraps ? (on(day) && time >= parsed.begin) || (on(day - std::chrono::days(1)) && time < parsed.end)
                : on(day) && time >= parsed.begin && time < parsed.end;
      ASSERT_EQ(parsed.contains(at), expected) << text << ' ' << text_of(at);
      if (expected != before) {
        ASSERT_EQ(announced, at) << text << ' ' << text_of(announced);
        announced = parsed.next_change(at);
        before = expected;
      }
    }
  }
}

TEST(Hours, MayBeAskedByManyThreads) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([] {
      for (const auto zone : {"Europe/Rome", "Asia/Tokyo", "America/Lima", "Africa/Cairo"}) {
        const auto parsed = parse_hours("Mon 09:00-17:00 " + std::string(zone));
        ASSERT_TRUE(parsed);
        EXPECT_TRUE(parsed->next_change(utc("2026-06-01 00:00")));
      }
    });
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace sallyport::policy::hours_test
