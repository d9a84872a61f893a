#include "config/base/log.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <memory>
#include <utility>

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

bool needs_quotes(std::string_view value) {
  return value.empty() || std::any_of(value.begin(), value.end(), [](char c) {
           return static_cast<unsigned char>(c) <= ' ' || c == '"' || c == '=' || c == '\\' || c == 0x7f;
         });
}

void append_quoted(std::string& line, std::string_view value) {
  constexpr char digits[] = "0123456789abcdef";
  line += '"';
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      line += '\\';
      line += c;
    } else if (byte < ' ' || byte == 0x7f) {
      line += "\\x";
      line += digits[byte >> 4];
      line += digits[byte & 15];
    } else {
      line += c;
    }
  }
  line += '"';
}

}  // namespace

void start_log(std::string_view process_name, LogLevel lowest, LogFormat /*format*/) {
  auto logger =
      std::make_shared<spdlog::logger>(std::string(process_name), std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %n %l %v");
  logger->set_level(to_spdlog(lowest));
  logger->flush_on(spdlog::level::debug);
  spdlog::set_default_logger(std::move(logger));
}

void set_log_level(LogLevel lowest) {
  spdlog::set_level(to_spdlog(lowest));
}

void log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
  if (!spdlog::should_log(to_spdlog(level))) return;
  std::string line(event);
  for (const LogField& field : fields) {
    line += ' ';
    line += field.key;
    line += '=';
    if (needs_quotes(field.value)) {
      append_quoted(line, field.value);
    } else {
      line += field.value;
    }
  }
  spdlog::log(to_spdlog(level), spdlog::string_view_t(line.data(), line.size()));
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
