// What a log line looks like, apart from where it goes: pure, for log.cpp and tests.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "config/base/log.hpp"

namespace sallyport {

// "event key=value ...". Fields without a value are left out; values that hold spaces or control bytes are quoted and
// escaped.
[[nodiscard]] std::string log_text(std::string_view event, std::initializer_list<LogField> fields);

// One JSON object (RFC 8259), without a newline: time, level, process, event, then the fields, all of them texts. Bytes
// that are no UTF-8 (RFC 3629) come as the four characters \xNN. A field that is called like one of the first four gets
// a "_" behind its name.
[[nodiscard]] std::string log_json(std::string_view time, std::string_view level, std::string_view process,
                                   std::string_view event, std::initializer_list<LogField> fields);

// What the journal makes a priority of, sd-daemon(3): "<3>" to "<7>".
[[nodiscard]] std::string_view journal_priority(LogLevel level);

// Whether the descriptor is the stream that $JOURNAL_STREAM names, systemd.exec(5): "DEVICE:INODE". Null: no.
[[nodiscard]] bool is_journal(const char* journal_stream, int descriptor);

// A table or another text of several lines: each of them a line of the log, so that none holds an escaped newline.
void log_each_line(LogLevel level, std::string_view event, std::string_view key, std::string_view text);

}  // namespace sallyport
