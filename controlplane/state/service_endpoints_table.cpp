// Where live services are.
#include "controlplane/state/table.hpp"

namespace sallyport::controlplane {
namespace {

constexpr const char* create_service_endpoints = R"(
  CREATE TABLE IF NOT EXISTS service_endpoints (
    service TEXT NOT NULL PRIMARY KEY,
    prefixes TEXT NOT NULL) WITHOUT ROWID;
)";

SqliteResult load_service_endpoints(sqlite3* database, StoredState& state, wireguard::WallTime /*now*/) {
  SqliteStatement endpoints(database, "SELECT service, prefixes FROM service_endpoints");
  return for_each_row(endpoints, [&] {
    for_each_line(endpoints.text(1), [&](const std::string& line) {
      if (const auto prefix = IpPrefix::parse(line)) state.endpoints[endpoints.text(0)].push_back(*prefix);
    });
  });
}

SqliteResult write_service_endpoints(sqlite3* database, const StoreChange& change, wireguard::WallTime /*now*/) {
  SqliteStatement set(database, "INSERT OR REPLACE INTO service_endpoints VALUES (?1, ?2)");
  SqliteStatement forget(database, "DELETE FROM service_endpoints WHERE service = ?1");
  for (const auto& [service, prefixes] : change.set.endpoints) {
    const std::string lines = to_lines(prefixes, [](const IpPrefix& prefix) { return prefix.to_string(); });
    SqliteStatement& statement = prefixes.empty() ? forget : set;
    statement.bind_text(1, service);
    if (!prefixes.empty()) statement.bind_text(2, lines);
    if (auto done = statement.run(); !done) return done;
  }
  return {};
}

}  // namespace

const Table service_endpoints_table = {create_service_endpoints, load_service_endpoints, write_service_endpoints};

}  // namespace sallyport::controlplane
