// What enrolment remembers, a document each.
#include "controlplane/state/table.hpp"

namespace sallyport::controlplane {
namespace {

constexpr const char* create_enrolment_records = R"(
  CREATE TABLE IF NOT EXISTS enrolment_records (
    kind INTEGER NOT NULL,
    key TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (kind, key)) WITHOUT ROWID;
)";

SqliteResult load_enrolment_records(sqlite3* database, StoredState& state, wireguard::WallTime /*now*/) {
  SqliteStatement records(database, "SELECT kind, key, document FROM enrolment_records");
  return for_each_row(records, [&] {
    const auto kind = static_cast<RecordKind>(records.integer(0));
    state.enrolment[{kind, records.text(1)}] = records.text(2);
  });
}

SqliteResult write_enrolment_records(sqlite3* database, const StoreChange& change, wireguard::WallTime /*now*/) {
  SqliteStatement set(database, "INSERT OR REPLACE INTO enrolment_records VALUES (?1, ?2, ?3)");
  SqliteStatement forget(database, "DELETE FROM enrolment_records WHERE kind = ?1 AND key = ?2");
  for (const auto& [key, document] : change.set.enrolment) {
    SqliteStatement& statement = document.empty() ? forget : set;
    statement.bind(1, static_cast<std::int64_t>(key.kind));
    statement.bind_text(2, key.key);
    if (!document.empty()) statement.bind_text(3, document);
    if (auto done = statement.run(); !done) return done;
  }
  return {};
}

}  // namespace

const Table enrolment_records_table = {create_enrolment_records, load_enrolment_records, write_enrolment_records};

}  // namespace sallyport::controlplane
