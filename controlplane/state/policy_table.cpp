// The version of the policy that passed last, with its files and the numbers of its rules and services.
#include <memory>
#include <utility>

#include "controlplane/state/table.hpp"

namespace sallyport::controlplane {
namespace {

constexpr const char* create_policy = R"(
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
)";

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

SqliteResult load_policy(sqlite3* database, StoredState& state, wireguard::WallTime /*now*/) {
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
                       from_seconds(version.integer(3)),
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

SqliteResult write_policy(sqlite3* database, const StoreChange& change, wireguard::WallTime /*now*/) {
  if (change.set.policy == nullptr) return {};
  const StoredPolicy& policy = *change.set.policy;
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

}  // namespace

const Table policy_table = {create_policy, load_policy, write_policy};

}  // namespace sallyport::controlplane
