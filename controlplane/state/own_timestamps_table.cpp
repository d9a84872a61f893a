// How far our own timestamps are reserved ahead, for each interface.
#include "controlplane/state/table.hpp"

namespace sallyport::controlplane {
namespace {

constexpr const char* create_own_timestamps = R"(
  CREATE TABLE IF NOT EXISTS own_timestamps (
    tunnel_key BLOB NOT NULL PRIMARY KEY CHECK (length(tunnel_key) = 32),
    reserved_until BLOB NOT NULL CHECK (length(reserved_until) = 12)) WITHOUT ROWID;
)";

SqliteResult load_own_timestamps(sqlite3* database, StoredState& state, wireguard::WallTime /*now*/) {
  SqliteStatement rows(database, "SELECT tunnel_key, reserved_until FROM own_timestamps");
  return for_each_row(rows, [&]() -> SqliteResult {
    PublicKey key;
    wireguard::Tai64n until;
    if (!rows.blob(0, key) || !rows.blob(1, until.bytes))
      return tl::unexpected(std::string("a row of own_timestamps is damaged"));
    state.reservations[key] = until;
    return {};
  });
}

SqliteResult write_own_timestamps(sqlite3* database, const StoreChange& change, wireguard::WallTime /*now*/) {
  SqliteStatement reserve(database, "INSERT OR REPLACE INTO own_timestamps VALUES (?1, ?2)");
  for (const auto& [key, until] : change.set.reservations) {
    reserve.bind(1, key);
    reserve.bind(2, until.bytes);
    if (auto done = reserve.run(); !done) return done;
  }
  return {};
}

}  // namespace

const Table own_timestamps_table = {create_own_timestamps, load_own_timestamps, write_own_timestamps};

}  // namespace sallyport::controlplane
