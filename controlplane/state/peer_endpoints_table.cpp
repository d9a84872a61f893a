// Where each peer was last, and where we were for it.
#include "controlplane/state/table.hpp"

namespace sallyport::controlplane {
namespace {

constexpr const char* create_peer_endpoints = R"(
  CREATE TABLE IF NOT EXISTS peer_endpoints (
    tunnel_key BLOB NOT NULL CHECK (length(tunnel_key) = 32),
    peer_key BLOB NOT NULL CHECK (length(peer_key) = 32),
    remote TEXT NOT NULL,
    local TEXT NOT NULL,
    seen_at_unix_ns INTEGER NOT NULL,
    PRIMARY KEY (tunnel_key, peer_key)) WITHOUT ROWID;
)";

// What is no endpoint is left out: the peer is found again when it comes.
SqliteResult load_peer_endpoints(sqlite3* database, StoredState& state, wireguard::WallTime /*now*/) {
  SqliteStatement endpoints(database,
                            "SELECT tunnel_key, peer_key, remote, local, seen_at_unix_ns FROM peer_endpoints");
  return for_each_row(endpoints, [&] {
    PeerKey key;
    EndpointRow row;
    const auto remote = IpEndpoint::parse(endpoints.text(2));
    if (!endpoints.blob(0, key.tunnel) || !endpoints.blob(1, key.peer) || !remote) return;
    row.remote = *remote;
    if (const auto local = IpEndpoint::parse(endpoints.text(3))) row.local = *local;
    row.seen_at = from_nanoseconds(endpoints.integer(4));
    state.peer_endpoints[key] = row;
  });
}

SqliteResult write_peer_endpoints(sqlite3* database, const StoreChange& change, wireguard::WallTime /*now*/) {
  SqliteStatement set(database, "INSERT OR REPLACE INTO peer_endpoints VALUES (?1, ?2, ?3, ?4, ?5)");
  SqliteStatement forget(database, "DELETE FROM peer_endpoints WHERE tunnel_key = ?1 AND peer_key = ?2");
  for (const auto& [key, row] : change.set.peer_endpoints) {
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

}  // namespace

const Table peer_endpoints_table = {create_peer_endpoints, load_peer_endpoints, write_peer_endpoints};

}  // namespace sallyport::controlplane
