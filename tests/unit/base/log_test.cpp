#include "config/base/log.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "config/base/clock.hpp"
#include "config/base/log_text.hpp"

namespace sallyport::log_test {
namespace {

TEST(Log, QuotesWhatCouldForgeALine) {
  start_log("test", LogLevel::info, LogFormat::text);
  testing::internal::CaptureStderr();
  log_info("peer added", {{"peer", "a\nb \"c\""}, {"index", hex(0x1f)}, {"up", true}, {"age_s", 7}});
  const std::string line = testing::internal::GetCapturedStderr();
  EXPECT_NE(line.find("peer added peer=\"a\\x0ab \\\"c\\\"\" index=0x1f up=true age_s=7\n"), std::string::npos) << line;
}

TEST(Log, LeavesOutFieldsWithoutAValue) {
  EXPECT_EQ(log_text("peer added", {{"peer", "ann"}, {"identity", ""}, {"age_s", 0}}), "peer added peer=ann age_s=0");
  EXPECT_EQ(log_json("t", "info", "p", "e", {{"identity", ""}}).find("identity"), std::string::npos);
}

TEST(Log, WritesOneJsonObjectALine) {
  start_log("sallyport-test", LogLevel::info, LogFormat::json);
  testing::internal::CaptureStderr();
  log_warning("peer \"added\"", {{"peer", "a\nb \x01 \\ \xc3\xa4"}, {"index", hex(0x1f)}, {"time", 7}});
  log_debug("too low");
  const std::string line = testing::internal::GetCapturedStderr();
  start_log("test", LogLevel::info, LogFormat::text);
  ASSERT_EQ(std::count(line.begin(), line.end(), '\n'), 1) << line;
  const auto object = nlohmann::json::parse(line, nullptr, false);
  ASSERT_TRUE(object.is_object()) << line;
  EXPECT_EQ(object["level"], "warning");
  EXPECT_EQ(object["process"], "sallyport-test");
  EXPECT_EQ(object["event"], "peer \"added\"");
  EXPECT_EQ(object["peer"], "a\nb \x01 \\ \xc3\xa4");
  EXPECT_EQ(object["index"], "0x1f");
  EXPECT_EQ(object["time_"], "7") << "its own time stays";
  EXPECT_EQ(object["time"].get<std::string>().size(), std::string("2026-11-30T12:00:00.000Z").size()) << line;
}

TEST(Log, EscapesInJsonWhatIsNoUtf8) {
  const auto value_of = [](std::string_view text) {
    const auto object = nlohmann::json::parse(log_json("t", "info", "p", "e", {{"v", text}}), nullptr, false);
    return object.is_object() ? object["v"].get<std::string>() : "no JSON";
  };
  EXPECT_EQ(value_of("\xff"), "\\xff");
  EXPECT_EQ(value_of("a\xc3"), "a\\xc3") << "cut off";
  EXPECT_EQ(value_of("\xc0\xaf"), "\\xc0\\xaf") << "overlong";
  EXPECT_EQ(value_of("\xed\xa0\x80"), "\\xed\\xa0\\x80") << "a surrogate";
  EXPECT_EQ(value_of("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80") << "beyond U+10FFFF";
  EXPECT_EQ(value_of("\xf0\x9f\x98\x80"), "\xf0\x9f\x98\x80");
  EXPECT_EQ(value_of(std::string_view("\0\x7f", 2)), std::string("\0\x7f", 2));
}

TEST(Log, GivesTheJournalItsPriorities) {
  testing::internal::CaptureStderr();
  struct stat status {};
  ASSERT_EQ(fstat(STDERR_FILENO, &status), 0);
  const std::string stream = std::to_string(status.st_dev) + ':' + std::to_string(status.st_ino);
  ASSERT_EQ(setenv("JOURNAL_STREAM", stream.c_str(), 1), 0);
  start_log("test", LogLevel::info, LogFormat::text);
  log_error("cannot start", {{"why", "x"}});
  log_info("started");
  const std::string lines = testing::internal::GetCapturedStderr();
  EXPECT_EQ(lines, "<3>cannot start why=x\n<6>started\n");

  start_log("test", LogLevel::info, LogFormat::text);  // standard error is another file now
  testing::internal::CaptureStderr();
  log_info("started");
  EXPECT_EQ(testing::internal::GetCapturedStderr().find('<'), std::string::npos);
  unsetenv("JOURNAL_STREAM");
  for (const char* wrong : {"", ":", "1", "1:", ":1", "1:2:3", "x:y", "99999999999999999999999:1"})
    EXPECT_FALSE(is_journal(wrong, STDERR_FILENO)) << wrong;
  EXPECT_FALSE(is_journal(stream.c_str(), -1));
}

TEST(Log, ATableIsSeveralLines) {
  testing::internal::CaptureStderr();
  log_each_line(LogLevel::error, "cannot start", "why", "too little memory:\npeers 12 MiB\n\nflows 30 MiB\n");
  const std::string lines = testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 3) << lines;
  EXPECT_NE(lines.find("cannot start why=\"peers 12 MiB\"\n"), std::string::npos) << lines;
  EXPECT_EQ(lines.find("\\x0a"), std::string::npos) << lines;
}

TEST(LogLimiter, LetsABurstThroughThenOnePerInterval) {
  LogLimiter limiter(2, second_ns);
  EXPECT_TRUE(limiter.admit(second_ns));
  EXPECT_TRUE(limiter.admit(second_ns));
  EXPECT_FALSE(limiter.admit(second_ns + 1));
  EXPECT_TRUE(limiter.admit(2 * second_ns));
  EXPECT_EQ(limiter.take_suppressed(), 1U);
}

}  // namespace
}  // namespace sallyport::log_test
