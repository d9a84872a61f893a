// What the control plane must remember over a restart, in one SQLite file: the greatest TAI64N of each peer, with the
// wall time of the handshake that set it (it lapses after 24 h), how far our own timestamps are reserved ahead, the
// policy that passed last, the endpoints of live services, the audit trail, where each peer was last, and what
// enrolment remembers (sessions, addresses, revocations, ...). No key is ever in it but public ones. Survives a kill at
// any moment: WAL, every write is one transaction and is synchronised. One process at a time: the file stays locked
// while it is open. Blocking; see state_writer.hpp for the thread that writes.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include "config/base/base64.hpp"
#include "config/base/ip.hpp"
#include "controlplane/enrolment/records.hpp"
#include "controlplane/state/policy_version.hpp"
#include "controlplane/wireguard/tai64n.hpp"
#include "policy/bundle.hpp"
#include "policy/decide.hpp"

struct sqlite3;

namespace sallyport::controlplane {

// A peer as one of our interfaces sees it: an interface with a new key is a stranger to its peers, and they to it.
struct PeerKey {
  PublicKey tunnel;
  PublicKey peer;

  friend auto operator<=>(const PeerKey&, const PeerKey&) = default;
};

struct TimestampRow {
  wireguard::Tai64n value;
  wireguard::WallTime set_at;

  friend bool operator==(const TimestampRow&, const TimestampRow&) = default;
};

// Where a peer was last, and where we were for it. An unset `remote` is a change that forgets the row.
struct EndpointRow {
  IpEndpoint remote, local;
  wireguard::WallTime seen_at;

  friend bool operator==(const EndpointRow&, const EndpointRow&) = default;
};

// The version that passed last, and the numbers under which the dataplane knows its rules and services.
struct StoredPolicy {
  PolicyVersion version;
  policy::Bundle bundle;  // of default = "allow" empty
  std::map<std::string, std::uint32_t> rules, services;
};

// What the file holds, or a change to it.
struct StoredState {
  std::map<PeerKey, TimestampRow> timestamps;
  std::map<PublicKey, wireguard::Tai64n> reservations;  // by tunnel public key
  std::shared_ptr<const StoredPolicy> policy;           // null: none yet, or no change
  policy::Endpoints endpoints;                          // a change with an empty list ends the service's
  std::map<std::int64_t, PolicyChange> policy_changes;  // by number, which rises
  std::map<PeerKey, EndpointRow> peer_endpoints;        // of configured peers, at most one each
  Records enrolment;                                    // a change with an empty document ends the record
};

struct StoreChange {
  StoredState set;
  std::vector<PeerKey> forget;
  std::uint64_t ticket = 0;  // by which somebody learns that it is on disk; of merged changes the highest

  [[nodiscard]] bool empty() const noexcept {
    return set.timestamps.empty() && set.reservations.empty() && forget.empty() && set.policy == nullptr &&
           set.endpoints.empty() && set.policy_changes.empty() && set.peer_endpoints.empty() && set.enrolment.empty();
  }
  // Adds a later change; where both touch the same row the later one wins.
  void merge(StoreChange later);
};

class Store {
 public:
  // Creates the file (mode 0600) if there is none. An error says what is wrong with it: not a database, damaged, from a
  // later release, locked by another control plane, of another user, not writable. A full disk is none for a file that
  // has its tables: it can be read.
  static tl::expected<Store, std::string> open(const std::filesystem::path& file);
  Store(Store&&) noexcept = default;
  Store& operator=(Store&&) noexcept = default;

  // The file was there and empty: whatever it held is gone.
  [[nodiscard]] bool is_new() const noexcept { return is_new_; }
  [[nodiscard]] bool was_emptied() const noexcept { return was_emptied_; }
  // Everything that has not lapsed. A set_at in the future (the clock went back since) counts as `now`, and is written
  // back so if the disk has room: no row binds anybody longer than 24 h from here.
  [[nodiscard]] tl::expected<StoredState, std::string> load(wireguard::WallTime now);
  // All of it or nothing. Rows that lapsed go with it.
  [[nodiscard]] tl::expected<void, std::string> write(const StoreChange& change, wireguard::WallTime now);

  static constexpr int schema_version = 3;                    // 1 and 2 are brought up to it
  static constexpr std::int64_t policy_changes_max = 10'000;  // older ones go

 private:
  struct Close {
    void operator()(sqlite3* database) const noexcept;
  };
  explicit Store(sqlite3* database) noexcept : database_(database) {}

  std::unique_ptr<sqlite3, Close> database_;
  bool is_new_ = false;
  bool was_emptied_ = false;
};

}  // namespace sallyport::controlplane
