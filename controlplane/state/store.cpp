#include "controlplane/state/store.hpp"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "config/file_descriptor.hpp"
#include "controlplane/state/sqlite_statement.hpp"
#include "controlplane/state/table.hpp"

namespace sallyport::controlplane {
namespace {

SqliteResult prepare(sqlite3* database) {
  // Exclusive: the lock is held from the first access on, and WAL needs no shared memory file then. Secure delete: the
  // preshared keys of sessions are in it, and one that is gone shall be gone.
  for (const char* pragma : {"PRAGMA locking_mode = EXCLUSIVE", "PRAGMA journal_mode = WAL",
                             "PRAGMA synchronous = FULL", "PRAGMA secure_delete = ON"})
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
  for (const Table* table : all_tables)
    if (auto made = execute(database, table->create); !made) return made;
  const std::string set_version = "PRAGMA user_version = " + std::to_string(Store::schema_version);
  if (auto set = execute(database, set_version.c_str()); !set) return set;
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
  store.is_new_ = is_new;
  store.was_emptied_ = !is_new && status.st_size == 0;
  if (code != SQLITE_OK) return failure(database != nullptr ? sqlite3_errmsg(database) : sqlite3_errstr(code));
  if (auto ready = prepare(database); !ready) {
    const int reason = sqlite3_errcode(database);
    if (reason == SQLITE_BUSY || reason == SQLITE_LOCKED) return failure("another control plane uses it");
    return failure(ready.error());
  }
  return store;
}

tl::expected<StoredState, std::string> Store::load(wireguard::WallTime now) {
  StoredState state;
  for (const Table* table : all_tables)
    if (auto done = table->load(database_.get(), state, now); !done) return tl::unexpected(done.error());
  return state;
}

tl::expected<void, std::string> Store::write(const StoreChange& change, wireguard::WallTime now) {
  const auto transact = [&]() -> SqliteResult {
    if (auto begun = execute(database_.get(), "BEGIN IMMEDIATE"); !begun) return begun;
    for (const Table* table : all_tables)
      if (auto done = table->write(database_.get(), change, now); !done) return done;
    return execute(database_.get(), "COMMIT");
  };
  auto done = transact();
  if (!done && sqlite3_get_autocommit(database_.get()) == 0) (void)execute(database_.get(), "ROLLBACK");
  return done;
}

}  // namespace sallyport::controlplane
