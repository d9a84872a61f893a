#include "controlplane/state/store.hpp"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>

#include "config/file_descriptor.hpp"
#include "controlplane/state/sqlite_statement.hpp"
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
  CREATE TABLE IF NOT EXISTS policy_version (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    generation INTEGER NOT NULL,
    etag TEXT NOT NULL,
    source INTEGER NOT NULL,
    applied_at_unix_s INTEGER NOT NULL,
    git_commit TEXT NOT NULL,
    git_author TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS policy_files (
    position INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    content TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS policy_numbers (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (kind, name)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS service_endpoints (
    service TEXT NOT NULL PRIMARY KEY,
    prefixes TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS policy_changes (
    number INTEGER PRIMARY KEY,
    at_unix_s INTEGER NOT NULL,
    applied INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    etag TEXT NOT NULL,
    source INTEGER NOT NULL,
    done_by TEXT NOT NULL,
    git_commit TEXT NOT NULL,
    git_author TEXT NOT NULL,
    summary TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS enrolment_records (
    kind INTEGER NOT NULL,
    key TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (kind, key)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS peer_endpoints (
    tunnel_key BLOB NOT NULL CHECK (length(tunnel_key) = 32),
    peer_key BLOB NOT NULL CHECK (length(peer_key) = 32),
    remote TEXT NOT NULL,
    local TEXT NOT NULL,
    seen_at_unix_ns INTEGER NOT NULL,
    PRIMARY KEY (tunnel_key, peer_key)) WITHOUT ROWID;
  PRAGMA user_version = 3;
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
  if (found < 0 || found > Store::schema_version)
    return tl::unexpected("its schema has version " + std::to_string(found) + ", this release knows version " +
                          std::to_string(Store::schema_version));

  SqliteStatement check(database, "PRAGMA quick_check(1)");
  const auto checked = check.step();
  if (!checked) return tl::unexpected(checked.error());
  if (check.text(0) != "ok") return tl::unexpected("it is damaged: " + check.text(0));
  if (found == Store::schema_version) return {};  // nothing to write, which a full disk would refuse
  if (auto begun = execute(database, "BEGIN IMMEDIATE"); !begun) return begun;
  if (auto made = execute(database, create_tables); !made) return made;
  return execute(database, "COMMIT");
}

// Lists of short texts are kept as lines.
template <typename List, typename Show>
std::string lines_of(const List& list, Show&& show) {
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

std::chrono::sys_seconds seconds_of(std::int64_t unix_s) {
  return std::chrono::sys_seconds(std::chrono::seconds(unix_s));
}

PolicySource source_of(std::int64_t number) {
  return number >= 0 && number <= static_cast<std::int64_t>(PolicySource::stored) ? static_cast<PolicySource>(number)
                                                                                  : PolicySource::files;
}

SqliteResult for_each_row(SqliteStatement& statement, const std::function<void()>& take) {
  for (;;) {
    const auto row = statement.step();
    if (!row) return tl::unexpected(row.error());
    if (!*row) return {};
    take();
  }
}

SqliteResult load_policy(sqlite3* database, StoredState& state) {
  auto policy = std::make_shared<StoredPolicy>();
  bool found = false;
  SqliteStatement version(database,
                          "SELECT generation, etag, source, applied_at_unix_s, git_commit, git_author "
                          "FROM policy_version");
  const auto read = for_each_row(version, [&] {
    found = true;
    policy->version = {static_cast<std::uint32_t>(version.integer(0)),
                       version.text(1),
                       source_of(version.integer(2)),
                       seconds_of(version.integer(3)),
                       version.text(4),
                       version.text(5),
                       false};
  });
  if (!read || !found) return read;
  SqliteStatement files(database, "SELECT name, content FROM policy_files ORDER BY position");
  if (auto done = for_each_row(files, [&] { policy->bundle.files.push_back({files.text(0), files.text(1)}); }); !done)
    return done;
  SqliteStatement numbers(database, "SELECT kind, name, number FROM policy_numbers");
  const auto numbered = for_each_row(numbers, [&] {
    auto& map = numbers.text(0) == "rule" ? policy->rules : policy->services;
    map[numbers.text(1)] = static_cast<std::uint32_t>(numbers.integer(2));
  });
  if (!numbered) return numbered;
  state.policy = std::move(policy);
  return {};
}

SqliteResult load_endpoints(sqlite3* database, StoredState& state) {
  SqliteStatement endpoints(database, "SELECT service, prefixes FROM service_endpoints");
  return for_each_row(endpoints, [&] {
    for_each_line(endpoints.text(1), [&](const std::string& line) {
      if (const auto prefix = IpPrefix::parse(line)) state.endpoints[endpoints.text(0)].push_back(*prefix);
    });
  });
}

SqliteResult load_changes(sqlite3* database, StoredState& state) {
  SqliteStatement changes(database,
                          "SELECT number, at_unix_s, applied, generation, etag, source, done_by, git_commit, "
                          "git_author, summary FROM policy_changes ORDER BY number");
  return for_each_row(changes, [&] {
    PolicyChange& change = state.policy_changes[changes.integer(0)];
    change.at = seconds_of(changes.integer(1));
    change.applied = changes.integer(2) != 0;
    change.generation = static_cast<std::uint32_t>(changes.integer(3));
    change.etag = changes.text(4);
    change.source = source_of(changes.integer(5));
    change.by = changes.text(6);
    change.git_commit = changes.text(7);
    change.git_author = changes.text(8);
    for_each_line(changes.text(9), [&](const std::string& line) { change.summary.push_back(line); });
  });
}

// What is no endpoint is left out: the peer is found again when it comes.
SqliteResult load_peer_endpoints(sqlite3* database, StoredState& state) {
  SqliteStatement endpoints(database,
                            "SELECT tunnel_key, peer_key, remote, local, seen_at_unix_ns FROM peer_endpoints");
  return for_each_row(endpoints, [&] {
    PeerKey key;
    EndpointRow row;
    const auto remote = IpEndpoint::parse(endpoints.text(2));
    if (!endpoints.blob(0, key.tunnel) || !endpoints.blob(1, key.peer) || !remote) return;
    row.remote = *remote;
    if (const auto local = IpEndpoint::parse(endpoints.text(3))) row.local = *local;
    row.seen_at = WallTime(std::chrono::nanoseconds(endpoints.integer(4)));
    state.peer_endpoints[key] = row;
  });
}

SqliteResult write_peer_endpoints(sqlite3* database, const std::map<PeerKey, EndpointRow>& endpoints) {
  SqliteStatement set(database, "INSERT OR REPLACE INTO peer_endpoints VALUES (?1, ?2, ?3, ?4, ?5)");
  SqliteStatement forget(database, "DELETE FROM peer_endpoints WHERE tunnel_key = ?1 AND peer_key = ?2");
  for (const auto& [key, row] : endpoints) {
    const bool is_set = row.remote.is_set();
    const std::string remote = is_set ? row.remote.to_string() : std::string();
    const std::string local = row.local.is_set() ? row.local.to_string() : std::string();
    SqliteStatement& statement = is_set ? set : forget;
    statement.bind(1, key.tunnel);
    statement.bind(2, key.peer);
    if (is_set) {
      statement.bind_text(3, remote);
      statement.bind_text(4, local);
      statement.bind(5, to_nanoseconds(row.seen_at));
    }
    if (auto done = statement.run(); !done) return done;
  }
  return {};
}

SqliteResult load_enrolment(sqlite3* database, StoredState& state) {
  SqliteStatement records(database, "SELECT kind, key, document FROM enrolment_records");
  return for_each_row(records, [&] {
    const auto kind = static_cast<RecordKind>(records.integer(0));
    state.enrolment[{kind, records.text(1)}] = records.text(2);
  });
}

SqliteResult write_numbers(sqlite3* database, const char* kind, const std::map<std::string, std::uint32_t>& numbers) {
  SqliteStatement set(database, "INSERT INTO policy_numbers VALUES (?1, ?2, ?3)");
  for (const auto& [name, number] : numbers) {
    set.bind_text(1, kind);
    set.bind_text(2, name);
    set.bind(3, std::int64_t{number});
    if (auto done = set.run(); !done) return done;
  }
  return {};
}

SqliteResult write_policy(sqlite3* database, const StoredPolicy& policy) {
  if (auto done = execute(database, "DELETE FROM policy_files; DELETE FROM policy_numbers"); !done) return done;
  SqliteStatement version(database, "INSERT OR REPLACE INTO policy_version VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6)");
  version.bind(1, std::int64_t{policy.version.generation});
  version.bind_text(2, policy.version.etag);
  version.bind(3, static_cast<std::int64_t>(policy.version.source));
  version.bind(4, policy.version.applied_at.time_since_epoch().count());
  version.bind_text(5, policy.version.git_commit);
  version.bind_text(6, policy.version.git_author);
  if (auto done = version.run(); !done) return done;
  SqliteStatement file(database, "INSERT INTO policy_files VALUES (?1, ?2, ?3)");
  std::int64_t position = 0;
  for (const policy::BundleFile& one : policy.bundle.files) {
    file.bind(1, position++);
    file.bind_text(2, one.name);
    file.bind_text(3, one.text);
    if (auto done = file.run(); !done) return done;
  }
  if (auto done = write_numbers(database, "rule", policy.rules); !done) return done;
  return write_numbers(database, "service", policy.services);
}

SqliteResult write_endpoints(sqlite3* database, const policy::Endpoints& endpoints) {
  SqliteStatement set(database, "INSERT OR REPLACE INTO service_endpoints VALUES (?1, ?2)");
  SqliteStatement forget(database, "DELETE FROM service_endpoints WHERE service = ?1");
  for (const auto& [service, prefixes] : endpoints) {
    const std::string lines = lines_of(prefixes, [](const IpPrefix& prefix) { return prefix.to_string(); });
    SqliteStatement& statement = prefixes.empty() ? forget : set;
    statement.bind_text(1, service);
    if (!prefixes.empty()) statement.bind_text(2, lines);
    if (auto done = statement.run(); !done) return done;
  }
  return {};
}

SqliteResult write_changes(sqlite3* database, const std::map<std::int64_t, PolicyChange>& changes) {
  if (changes.empty()) return {};
  SqliteStatement set(database,
                      "INSERT OR REPLACE INTO policy_changes VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)");
  for (const auto& [number, change] : changes) {
    const std::string summary = lines_of(change.summary, [](const std::string& line) { return line; });
    set.bind(1, number);
    set.bind(2, change.at.time_since_epoch().count());
    set.bind(3, std::int64_t{change.applied ? 1 : 0});
    set.bind(4, std::int64_t{change.generation});
    set.bind_text(5, change.etag);
    set.bind(6, static_cast<std::int64_t>(change.source));
    set.bind_text(7, change.by);
    set.bind_text(8, change.git_commit);
    set.bind_text(9, change.git_author);
    set.bind_text(10, summary);
    if (auto done = set.run(); !done) return done;
  }
  SqliteStatement trim(database, "DELETE FROM policy_changes WHERE number <= ?1");
  trim.bind(1, changes.rbegin()->first - Store::policy_changes_max);
  return trim.run();
}

SqliteResult write_enrolment(sqlite3* database, const Records& records) {
  SqliteStatement set(database, "INSERT OR REPLACE INTO enrolment_records VALUES (?1, ?2, ?3)");
  SqliteStatement forget(database, "DELETE FROM enrolment_records WHERE kind = ?1 AND key = ?2");
  for (const auto& [key, document] : records) {
    SqliteStatement& statement = document.empty() ? forget : set;
    statement.bind(1, static_cast<std::int64_t>(key.kind));
    statement.bind_text(2, key.key);
    if (!document.empty()) statement.bind_text(3, document);
    if (auto done = statement.run(); !done) return done;
  }
  return {};
}

}  // namespace

void StoreChange::merge(StoreChange later) {
  for (const PeerKey& key : later.forget) set.timestamps.erase(key);
  for (auto& [key, row] : later.set.timestamps) {
    std::erase(forget, key);
    set.timestamps[key] = row;
  }
  for (auto& [key, until] : later.set.reservations) set.reservations[key] = until;
  if (later.set.policy) set.policy = std::move(later.set.policy);
  for (auto& [service, prefixes] : later.set.endpoints) set.endpoints[service] = std::move(prefixes);
  for (auto& [number, change] : later.set.policy_changes) set.policy_changes[number] = std::move(change);
  for (auto& [key, row] : later.set.peer_endpoints) set.peer_endpoints[key] = row;
  for (auto& [key, document] : later.set.enrolment) set.enrolment[key] = std::move(document);
  forget.insert(forget.end(), later.forget.begin(), later.forget.end());
  ticket = std::max(ticket, later.ticket);
}

void Store::Close::operator()(sqlite3* database) const noexcept {
  sqlite3_close(database);
}

tl::expected<Store, std::string> Store::open(const std::filesystem::path& file) {
  const auto failure = [&](const std::string& why) {
    return tl::unexpected("state file " + file.string() + ": " + why);
  };
  // SQLite would create it readable by all that the umask lets.
  int opened = ::open(file.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  const bool is_new = opened < 0 && errno == ENOENT;
  if (is_new) opened = ::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  const config::FileDescriptor descriptor(opened);
  if (descriptor.get() < 0) return failure(std::strerror(errno));
  struct stat status {};
  if (fstat(descriptor.get(), &status) != 0) return failure(std::strerror(errno));
  if (!S_ISREG(status.st_mode)) return failure("expected a regular file");
  if (status.st_uid != 0 && status.st_uid != geteuid())
    return failure("it belongs to another user (uid " + std::to_string(status.st_uid) + ')');
  // What others may have been let read so far ends here.
  if ((status.st_mode & 077) != 0 && fchmod(descriptor.get(), 0600) != 0) return failure(std::strerror(errno));

  sqlite3* database = nullptr;
  const int code = sqlite3_open_v2(file.c_str(), &database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  Store store(database);
  store.was_emptied_ = !is_new && status.st_size == 0;
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
  const bool is_clamped = clamp.run().has_value();

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
    if (!is_clamped) value.set_at = std::min(value.set_at, now);
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
  for (const auto load_part : {load_policy, load_endpoints, load_changes, load_peer_endpoints, load_enrolment})
    if (auto done = load_part(database_.get(), state); !done) return tl::unexpected(done.error());
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
    if (change.set.policy)
      if (auto done = write_policy(database_.get(), *change.set.policy); !done) return done;
    if (auto done = write_endpoints(database_.get(), change.set.endpoints); !done) return done;
    if (auto done = write_changes(database_.get(), change.set.policy_changes); !done) return done;
    if (auto done = write_peer_endpoints(database_.get(), change.set.peer_endpoints); !done) return done;
    if (auto done = write_enrolment(database_.get(), change.set.enrolment); !done) return done;
    return execute(database_.get(), "COMMIT");
  };
  auto done = transact();
  if (!done && sqlite3_get_autocommit(database_.get()) == 0) (void)execute(database_.get(), "ROLLBACK");
  return done;
}

}  // namespace sallyport::controlplane
