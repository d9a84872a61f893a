// The audit trail of the policy.
#include "controlplane/state/table.hpp"

namespace sallyport::controlplane {
namespace {

constexpr const char* create_policy_changes = R"(
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
)";

SqliteResult load_policy_changes(sqlite3* database, StoredState& state, wireguard::WallTime /*now*/) {
  SqliteStatement changes(database,
                          "SELECT number, at_unix_s, applied, generation, etag, source, done_by, git_commit, "
                          "git_author, summary FROM policy_changes ORDER BY number");
  return for_each_row(changes, [&] {
    PolicyChange& change = state.policy_changes[changes.integer(0)];
    change.at = from_seconds(changes.integer(1));
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

SqliteResult write_policy_changes(sqlite3* database, const StoreChange& change, wireguard::WallTime /*now*/) {
  const auto& changes = change.set.policy_changes;
  if (changes.empty()) return {};
  SqliteStatement set(database,
                      "INSERT OR REPLACE INTO policy_changes VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)");
  for (const auto& [number, one] : changes) {
    const std::string summary = to_lines(one.summary, [](const std::string& line) { return line; });
    set.bind(1, number);
    set.bind(2, one.at.time_since_epoch().count());
    set.bind(3, std::int64_t{one.applied ? 1 : 0});
    set.bind(4, std::int64_t{one.generation});
    set.bind_text(5, one.etag);
    set.bind(6, static_cast<std::int64_t>(one.source));
    set.bind_text(7, one.by);
    set.bind_text(8, one.git_commit);
    set.bind_text(9, one.git_author);
    set.bind_text(10, summary);
    if (auto done = set.run(); !done) return done;
  }
  SqliteStatement trim(database, "DELETE FROM policy_changes WHERE number <= ?1");
  trim.bind(1, changes.rbegin()->first - Store::policy_changes_max);
  return trim.run();
}

}  // namespace

const Table policy_changes_table = {create_policy_changes, load_policy_changes, write_policy_changes};

}  // namespace sallyport::controlplane
