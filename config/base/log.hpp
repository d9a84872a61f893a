// The log of both processes: the event first, then stable keys with units, never key bytes.
//   log_info("session installed", {{"peer", name}, {"index", hex(index)}, {"rekey_in_s", 120}});
// prints "session installed peer=ann-laptop index=0x1234 rekey_in_s=120". Values that hold spaces or control bytes are
// quoted and escaped, so a hostile name cannot forge a line. Never called by a dataplane worker.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace sallyport {

enum class LogLevel : std::uint8_t { debug, info, warning, error };
enum class LogFormat : std::uint8_t { text, json };

struct LogField {
  LogField(std::string_view name, std::string_view text) : key(name), value(text) {}
  LogField(std::string_view name, const char* text) : key(name), value(text) {}
  LogField(std::string_view name, const std::string& text) : key(name), value(text) {}
  LogField(std::string_view name, bool flag) : key(name), value(flag ? "true" : "false") {}
  template <std::integral Integer>
  LogField(std::string_view name, Integer number) : key(name), value(std::to_string(number)) {}

  std::string_view key;
  std::string value;
};

// Call once at start, before other threads. Lines go to standard error; systemd adds the time.
void start_log(std::string_view process_name, LogLevel lowest, LogFormat format);
void set_log_level(LogLevel lowest);

void log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields);
inline void log_debug(std::string_view event, std::initializer_list<LogField> f = {}) {
  log(LogLevel::debug, event, f);
}
inline void log_info(std::string_view event, std::initializer_list<LogField> f = {}) {
  log(LogLevel::info, event, f);
}
inline void log_warning(std::string_view event, std::initializer_list<LogField> f = {}) {
  log(LogLevel::warning, event, f);
}
inline void log_error(std::string_view event, std::initializer_list<LogField> f = {}) {
  log(LogLevel::error, event, f);
}

// An error of the configuration, "FILE:LINE:COLUMN: what": as it is for whoever reads a terminal, with its priority in
// the journal, and a line like every other where lines are JSON. Also before start_log().
void log_configuration_error(const std::string& line);

[[nodiscard]] std::string hex(std::uint64_t value);

// Lets `burst` lines through, then one per interval; the next line that passes says how many were held back.
//   if (limiter.admit(now_ns)) log_warning("handshake refused", {{"reason", r}, {"suppressed",
//   limiter.take_suppressed()}});
class LogLimiter {
 public:
  constexpr LogLimiter(std::uint32_t burst, std::uint64_t interval_ns) noexcept
      : burst_(burst), interval_ns_(interval_ns), tokens_(burst) {}
  [[nodiscard]] bool admit(std::uint64_t now_ns) noexcept;
  [[nodiscard]] std::uint64_t take_suppressed() noexcept;

 private:
  std::uint32_t burst_;
  std::uint64_t interval_ns_;
  std::uint32_t tokens_;
  std::uint64_t refilled_at_ns_ = 0;
  std::uint64_t suppressed_ = 0;
};

}  // namespace sallyport
