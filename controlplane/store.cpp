#include "controlplane/store.hpp"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "controlplane/sqlite_statement.hpp"
#include "controlplane/wireguard/constants.hpp"

namespace sallyport::controlplane {
namespace {

using wireguard::WallTime;

std::int64_t to_nanoseconds(WallTime time) {
  return time.time_since_epoch().count();
}

std::int64_t lapse_limit(WallTime now) {
  return to_nanoseconds(now - wireguard::timestamp_floor_lifetime);
}

constexpr const char* create_tables = R"(
  CREATE TABLE IF NOT EXISTS peer_timestamps (
    tunnel_key BLOB NOT NULL CHECK (length(tunnel_key) = 32),
    peer_key BLOB NOT NULL CHECK (length(peer_key) = 32),
    tai64n BLOB NOT NULL CHECK (length(tai64n) = 12),
    set_at_unix_ns INTEGER NOT NULL,
    PRIMARY KEY (tunnel_key, peer_key)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS own_timestamps (
    tunnel_key BLOB NOT NULL PRIMARY KEY CHECK (length(tunnel_key) = 32),
    reserved_until BLOB NOT NULL CHECK (length(reserved_until) = 12)) WITHOUT ROWID;
  PRAGMA user_version = 1;
)";

SqliteResult prepare(sqlite3* database) {
  // Exclusive: the lock is held from the first access on, and WAL needs no shared memory file then.
  for (const char* pragma : {"PRAGMA locking_mode = EXCLUSIVE", "PRAGMA journal_mode = WAL",
                             "PRAGMA synchronous = FULL", "PRAGMA secure_delete = OFF"})
    if (auto done = execute(database, pragma); !done) return done;

  SqliteStatement version(database, "PRAGMA user_version");
  const auto row = version.step();
  if (!row) return tl::unexpected(row.error());
  const std::int64_t found = version.integer(0);
  if (found != 0 && found != Store::schema_version)
    return tl::unexpected("its schema has version " + std::to_string(found) + ", this release knows version " +
                          std::to_string(Store::schema_version));

  SqliteStatement check(database, "PRAGMA quick_check(1)");
  const auto checked = check.step();
  if (!checked) return tl::unexpected(checked.error());
  if (check.text(0) != "ok") return tl::unexpected("it is damaged: " + check.text(0));
  if (auto begun = execute(database, "BEGIN IMMEDIATE"); !begun) return begun;
  if (auto made = execute(database, create_tables); !made) return made;
  return execute(database, "COMMIT");
}

}  // namespace

void StoreChange::merge(StoreChange later) {
  for (const PeerKey& key : later.forget) set.timestamps.erase(key);
  for (auto& [key, row] : later.set.timestamps) {
    std::erase(forget, key);
    set.timestamps[key] = row;
  }
  for (auto& [key, until] : later.set.reservations) set.reservations[key] = until;
  forget.insert(forget.end(), later.forget.begin(), later.forget.end());
}

void Store::Close::operator()(sqlite3* database) const noexcept {
  sqlite3_close(database);
}

tl::expected<Store, std::string> Store::open(const std::filesystem::path& file) {
  const auto failure = [&](const std::string& why) {
    return tl::unexpected("state file " + file.string() + ": " + why);
  };
  // SQLite would create it readable by all that the umask lets.
  const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor < 0) return failure(std::strerror(errno));
  ::close(descriptor);

  sqlite3* database = nullptr;
  const int code = sqlite3_open_v2(file.c_str(), &database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  Store store(database);
  if (code != SQLITE_OK) return failure(database != nullptr ? sqlite3_errmsg(database) : sqlite3_errstr(code));
  if (auto ready = prepare(database); !ready) {
    const int reason = sqlite3_errcode(database);
    if (reason == SQLITE_BUSY || reason == SQLITE_LOCKED) return failure("another control plane uses it");
    return failure(ready.error());
  }
  return store;
}

tl::expected<StoredState, std::string> Store::load(WallTime now) {
  StoredState state;
  SqliteStatement clamp(database_.get(), "UPDATE peer_timestamps SET set_at_unix_ns = ?1 WHERE set_at_unix_ns > ?1");
  clamp.bind(1, to_nanoseconds(now));
  if (auto done = clamp.run(); !done) return tl::unexpected(done.error());

  SqliteStatement timestamps(database_.get(),
                             "SELECT tunnel_key, peer_key, tai64n, set_at_unix_ns FROM peer_timestamps "
                             "WHERE set_at_unix_ns > ?1");
  timestamps.bind(1, lapse_limit(now));
  for (;;) {
    const auto row = timestamps.step();
    if (!row) return tl::unexpected(row.error());
    if (!*row) break;
    PeerKey key;
    TimestampRow value;
    if (!timestamps.blob(0, key.tunnel) || !timestamps.blob(1, key.peer) || !timestamps.blob(2, value.value.bytes))
      return tl::unexpected(std::string("a row of peer_timestamps is damaged"));
    value.set_at = WallTime(std::chrono::nanoseconds(timestamps.integer(3)));
    state.timestamps[key] = value;
  }

  SqliteStatement reservations(database_.get(), "SELECT tunnel_key, reserved_until FROM own_timestamps");
  for (;;) {
    const auto row = reservations.step();
    if (!row) return tl::unexpected(row.error());
    if (!*row) break;
    PublicKey key;
    wireguard::Tai64n until;
    if (!reservations.blob(0, key) || !reservations.blob(1, until.bytes))
      return tl::unexpected(std::string("a row of own_timestamps is damaged"));
    state.reservations[key] = until;
  }
  return state;
}

tl::expected<void, std::string> Store::write(const StoreChange& change, WallTime now) {
  const auto transact = [&]() -> SqliteResult {
    if (auto begun = execute(database_.get(), "BEGIN IMMEDIATE"); !begun) return begun;
    SqliteStatement forget(database_.get(), "DELETE FROM peer_timestamps WHERE tunnel_key = ?1 AND peer_key = ?2");
    for (const PeerKey& key : change.forget) {
      forget.bind(1, key.tunnel);
      forget.bind(2, key.peer);
      if (auto done = forget.run(); !done) return done;
    }
    SqliteStatement set(database_.get(), "INSERT OR REPLACE INTO peer_timestamps VALUES (?1, ?2, ?3, ?4)");
    for (const auto& [key, row] : change.set.timestamps) {
      set.bind(1, key.tunnel);
      set.bind(2, key.peer);
      set.bind(3, row.value.bytes);
      set.bind(4, to_nanoseconds(row.set_at));
      if (auto done = set.run(); !done) return done;
    }
    SqliteStatement reserve(database_.get(), "INSERT OR REPLACE INTO own_timestamps VALUES (?1, ?2)");
    for (const auto& [key, until] : change.set.reservations) {
      reserve.bind(1, key);
      reserve.bind(2, until.bytes);
      if (auto done = reserve.run(); !done) return done;
    }
    SqliteStatement lapse(database_.get(), "DELETE FROM peer_timestamps WHERE set_at_unix_ns <= ?1");
    lapse.bind(1, lapse_limit(now));
    if (auto done = lapse.run(); !done) return done;
    return execute(database_.get(), "COMMIT");
  };
  auto done = transact();
  if (!done && sqlite3_get_autocommit(database_.get()) == 0) (void)execute(database_.get(), "ROLLBACK");
  return done;
}

}  // namespace sallyport::controlplane
