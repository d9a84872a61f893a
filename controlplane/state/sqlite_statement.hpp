// A prepared SQLite statement that frees itself. Binding and reading are the few forms that the store needs; every
// failure is the message of SQLite.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace sallyport::controlplane {

using SqliteResult = tl::expected<void, std::string>;

inline SqliteResult execute(sqlite3* database, const char* sql) {
  char* message = nullptr;
  const int code = sqlite3_exec(database, sql, nullptr, nullptr, &message);
  const std::string text = message != nullptr ? message : sqlite3_errstr(code);
  sqlite3_free(message);
  if (code != SQLITE_OK) return tl::unexpected(text);
  return {};
}

class SqliteStatement {
 public:
  SqliteStatement(sqlite3* database, const char* sql) : database_(database) {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(database, sql, -1, &statement, nullptr) == SQLITE_OK) statement_.reset(statement);
  }

  // The bytes must live until the next reset. Parameters and columns count from 1 and from 0, as in SQLite.
  void bind(int parameter, std::span<const std::uint8_t> bytes) {
    if (statement_)
      sqlite3_bind_blob(statement_.get(), parameter, bytes.data(), static_cast<int>(bytes.size()), SQLITE_STATIC);
  }
  void bind_text(int parameter, std::string_view text) {
    if (statement_)
      sqlite3_bind_text(statement_.get(), parameter, text.data(), static_cast<int>(text.size()), SQLITE_STATIC);
  }
  void bind(int parameter, std::int64_t number) {
    if (statement_) sqlite3_bind_int64(statement_.get(), parameter, number);
  }

  // True: a row is there; false: done.
  [[nodiscard]] tl::expected<bool, std::string> step() {
    if (!statement_) return tl::unexpected(std::string(sqlite3_errmsg(database_)));
    const int code = sqlite3_step(statement_.get());
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) return false;
    return tl::unexpected(std::string(sqlite3_errmsg(database_)));
  }
  // Runs a statement without rows, ready to be bound again.
  [[nodiscard]] SqliteResult run() {
    const auto stepped = step();
    if (statement_) sqlite3_reset(statement_.get());
    if (!stepped) return tl::unexpected(stepped.error());
    return {};
  }

  [[nodiscard]] std::int64_t integer(int column) { return sqlite3_column_int64(statement_.get(), column); }
  [[nodiscard]] std::string text(int column) {
    const auto* value = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
    if (value == nullptr) return {};
    return {value, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
  }
  // False if the column is no blob of exactly that size.
  template <std::size_t N>
  [[nodiscard]] bool blob(int column, std::array<std::uint8_t, N>& out) {
    const void* value = sqlite3_column_blob(statement_.get(), column);
    if (value == nullptr || sqlite3_column_bytes(statement_.get(), column) != static_cast<int>(N)) return false;
    std::memcpy(out.data(), value, N);
    return true;
  }

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
  };
  sqlite3* database_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

}  // namespace sallyport::controlplane
