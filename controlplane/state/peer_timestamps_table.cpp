// The greatest TAI64N of each peer, with the wall time of the handshake that set it; it lapses after 24 hours.
#include <algorithm>

#include "controlplane/state/table.hpp"
#include "controlplane/wireguard/constants.hpp"

namespace sallyport::controlplane {
namespace {

constexpr const char* create_peer_timestamps = R"(
  CREATE TABLE IF NOT EXISTS peer_timestamps (
    tunnel_key BLOB NOT NULL CHECK (length(tunnel_key) = 32),
    peer_key BLOB NOT NULL CHECK (length(peer_key) = 32),
    tai64n BLOB NOT NULL CHECK (length(tai64n) = 12),
    set_at_unix_ns INTEGER NOT NULL,
    PRIMARY KEY (tunnel_key, peer_key)) WITHOUT ROWID;
)";

using wireguard::WallTime;

std::int64_t lapse_limit(WallTime now) {
  return to_nanoseconds(now - wireguard::timestamp_floor_lifetime);
}

// A row of the future (the clock went back since) counts as now, and is written back so if the disk has room.
SqliteResult load_peer_timestamps(sqlite3* database, StoredState& state, WallTime now) {
  SqliteStatement clamp(database, "UPDATE peer_timestamps SET set_at_unix_ns = ?1 WHERE set_at_unix_ns > ?1");
  clamp.bind(1, to_nanoseconds(now));
  const bool is_clamped = clamp.run().has_value();
  SqliteStatement rows(database,
                       "SELECT tunnel_key, peer_key, tai64n, set_at_unix_ns FROM peer_timestamps "
                       "WHERE set_at_unix_ns > ?1");
  rows.bind(1, lapse_limit(now));
  return for_each_row(rows, [&]() -> SqliteResult {
    PeerKey key;
    TimestampRow value;
    if (!rows.blob(0, key.tunnel) || !rows.blob(1, key.peer) || !rows.blob(2, value.value.bytes))
      return tl::unexpected(std::string("a row of peer_timestamps is damaged"));
    value.set_at = from_nanoseconds(rows.integer(3));
    if (!is_clamped) value.set_at = std::min(value.set_at, now);
    state.timestamps[key] = value;
    return {};
  });
}

SqliteResult write_peer_timestamps(sqlite3* database, const StoreChange& change, WallTime now) {
  SqliteStatement forget(database, "DELETE FROM peer_timestamps WHERE tunnel_key = ?1 AND peer_key = ?2");
  for (const PeerKey& key : change.forget) {
    forget.bind(1, key.tunnel);
    forget.bind(2, key.peer);
    if (auto done = forget.run(); !done) return done;
  }
  SqliteStatement set(database, "INSERT OR REPLACE INTO peer_timestamps VALUES (?1, ?2, ?3, ?4)");
  for (const auto& [key, row] : change.set.timestamps) {
    set.bind(1, key.tunnel);
    set.bind(2, key.peer);
    set.bind(3, row.value.bytes);
    set.bind(4, to_nanoseconds(row.set_at));
    if (auto done = set.run(); !done) return done;
  }
  SqliteStatement lapse(database, "DELETE FROM peer_timestamps WHERE set_at_unix_ns <= ?1");
  lapse.bind(1, lapse_limit(now));
  return lapse.run();
}

}  // namespace

const Table peer_timestamps_table = {create_peer_timestamps, load_peer_timestamps, write_peer_timestamps};

}  // namespace sallyport::controlplane
