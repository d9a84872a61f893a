// A table of the state file: how it is made, what of it is read at the start, and how a change is written. A new table
// is a file of its own and a line in all_tables.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>

#include "controlplane/state/sqlite_statement.hpp"
#include "controlplane/state/store.hpp"

namespace sallyport::controlplane {

struct Table {
  const char* create;  // CREATE TABLE IF NOT EXISTS
  // What has lapsed at `now` is left out. An error is a damaged row that cannot be left out.
  SqliteResult (*load)(sqlite3* database, StoredState& state, wireguard::WallTime now);
  // Within the transaction of the whole change.
  SqliteResult (*write)(sqlite3* database, const StoreChange& change, wireguard::WallTime now);
};

extern const Table peer_timestamps_table, own_timestamps_table, policy_table, service_endpoints_table,
    policy_changes_table, peer_endpoints_table, enrolment_records_table;

inline const std::array<const Table*, 7> all_tables = {
    &peer_timestamps_table, &own_timestamps_table, &policy_table,           &service_endpoints_table,
    &policy_changes_table,  &peer_endpoints_table, &enrolment_records_table};

// ---- values as columns ----

[[nodiscard]] inline std::int64_t to_nanoseconds(wireguard::WallTime time) {
  return time.time_since_epoch().count();
}
[[nodiscard]] inline wireguard::WallTime from_nanoseconds(std::int64_t unix_ns) {
  return wireguard::WallTime(std::chrono::nanoseconds(unix_ns));
}
[[nodiscard]] inline std::chrono::sys_seconds from_seconds(std::int64_t unix_s) {
  return std::chrono::sys_seconds(std::chrono::seconds(unix_s));
}
[[nodiscard]] inline PolicySource source_of(std::int64_t number) {
  return number >= 0 && number <= static_cast<std::int64_t>(PolicySource::stored) ? static_cast<PolicySource>(number)
                                                                                  : PolicySource::files;
}

// Lists of short texts are kept as lines.
template <typename List, typename Show>
[[nodiscard]] std::string to_lines(const List& list, Show&& show) {
  std::string text;
  for (const auto& one : list) text += show(one) + '\n';
  return text;
}
template <typename Take>
void for_each_line(const std::string& text, Take&& take) {
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    take(text.substr(begin, end - begin));
    begin = end + 1;
  }
}

// Calls `take` while a row of `statement` is there; its error, or that of the statement.
template <typename Take>
[[nodiscard]] SqliteResult for_each_row(SqliteStatement& statement, Take&& take) {
  for (;;) {
    const auto row = statement.step();
    if (!row) return tl::unexpected(row.error());
    if (!*row) return {};
    if constexpr (std::is_void_v<decltype(take())>) {
      take();
    } else if (SqliteResult taken = take(); !taken) {
      return taken;
    }
  }
}

}  // namespace sallyport::controlplane
