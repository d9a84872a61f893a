#include "config/base/log.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <string>
#include <utility>

#include "config/base/log_text.hpp"

namespace sallyport {
namespace {

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

// Set by start_log(), before there are other threads.
struct Style {
  std::string process = "sallyport";
  LogFormat format = LogFormat::text;
  bool to_journal = false;
};
Style& style() {
  static Style one;
  return one;
}

std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warning:
      return "warning";
    case LogLevel::error:
      return "error";
  }
  return "info";
}

// UTC, RFC 3339, with milliseconds.
std::string utc_now() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  tm parts{};
  gmtime_r(&now.tv_sec, &parts);
  std::array<char, 32> day{};
  strftime(day.data(), day.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  return std::string(day.data()) + '.' + std::to_string(1000 + now.tv_nsec / 1'000'000).substr(1) + 'Z';
}

}  // namespace

void start_log(std::string_view process_name, LogLevel lowest, LogFormat format) {
  style() = {std::string(process_name), format, is_journal(std::getenv("JOURNAL_STREAM"), STDERR_FILENO)};
  auto logger =
      std::make_shared<spdlog::logger>(std::string(process_name), std::make_shared<spdlog::sinks::stderr_sink_mt>());
  // The journal knows time, process and, by its priority, level.
  const bool is_bare = format == LogFormat::json || style().to_journal;
  logger->set_pattern(is_bare ? "%v" : "%Y-%m-%dT%H:%M:%S.%e%z %n %l %v");
  logger->set_level(to_spdlog(lowest));
  logger->flush_on(spdlog::level::debug);
  spdlog::set_default_logger(std::move(logger));
}

void set_log_level(LogLevel lowest) {
  spdlog::set_level(to_spdlog(lowest));
}

void log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
  if (!spdlog::should_log(to_spdlog(level))) return;
  std::string line(style().to_journal ? journal_priority(level) : "");
  line += style().format == LogFormat::json ? log_json(utc_now(), name_of(level), style().process, event, fields)
                                            : log_text(event, fields);
  spdlog::log(to_spdlog(level), spdlog::string_view_t(line.data(), line.size()));
}

void log_configuration_error(const std::string& line) {
  if (style().format == LogFormat::json) return log_error("configuration has an error", {{"error", line}});
  const bool to_journal = is_journal(std::getenv("JOURNAL_STREAM"), STDERR_FILENO);
  std::fputs(((to_journal ? std::string(journal_priority(LogLevel::error)) : std::string()) + line + '\n').c_str(),
             stderr);
}

std::string hex(std::uint64_t value) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  do {
    text += digits[value & 15];
    value >>= 4;
  } while (value != 0);
  text += "x0";
  std::reverse(text.begin(), text.end());
  return text;
}

bool LogLimiter::admit(std::uint64_t now_ns) noexcept {
  if (now_ns - refilled_at_ns_ >= interval_ns_) {
    const std::uint64_t intervals = (now_ns - refilled_at_ns_) / interval_ns_;
    tokens_ = static_cast<std::uint32_t>(std::min<std::uint64_t>(burst_, tokens_ + intervals));
    refilled_at_ns_ = now_ns;
  }
  if (tokens_ == 0) {
    ++suppressed_;
    return false;
  }
  --tokens_;
  return true;
}

std::uint64_t LogLimiter::take_suppressed() noexcept {
  return std::exchange(suppressed_, 0);
}

}  // namespace sallyport
