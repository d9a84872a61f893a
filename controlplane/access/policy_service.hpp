// The policy in force: which version it is, what each peer and address may do under it, and that the publisher knows.
//
//   policy files ─▶ prepare: parse, tests, compile ─▶ put_in_force ─▶ Publisher: a new image
//   a peer comes, changes, goes ───────────────────▶ set_peer, remove_peer ──▶ its access, perhaps a class
//   a time step passed, the clock was set ─────────▶ refresh ─────────────────▶ the access of those whom it concerns
//
// What a peer may do is computed when it comes, when the policy changes, and when the next of its time steps has
// passed; never because of another peer. Classes that nobody uses any more go when the dataplane has heard that nobody
// does.
//
// Time is an argument, what is to be written is handed back as a StoreChange. All calls on the event loop.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <tl/expected.hpp>

#include "config/config.hpp"
#include "controlplane/access/audit_trail.hpp"
#include "controlplane/access/policy_answers.hpp"
#include "controlplane/access/rule_counts.hpp"
#include "controlplane/identity/peer.hpp"
#include "controlplane/publisher/publisher.hpp"
#include "controlplane/runtime/report.hpp"
#include "controlplane/state/store.hpp"
#include "controlplane/wireguard/instant.hpp"
#include "dataplane/abi/statistics_view.hpp"
#include "policy/bundle.hpp"
#include "policy/compile.hpp"

namespace sallyport::controlplane {

class PolicyService {
 public:
  // A version that can be put in force: parsed, its tests passed, compiled for every peer.
  struct Prepared {
    PolicySource source = PolicySource::default_allow;
    policy::Bundle bundle;
    std::string etag;
    std::shared_ptr<const policy::Policy> policy;  // null: default = "allow"
    std::unique_ptr<policy::Compiler> compiler;    // null with it
    policy::Numbers rules{abi::max_rules};
    policy::Numbers services{abi::max_services};
    struct Access {
      policy::SourceAccess source;
      std::uint32_t destination_class = 0;
    };
    std::unordered_map<std::string, Access> peers;  // by name
    std::map<IpPrefix, policy::AddressEntry> addresses;
    std::vector<std::string> warnings;
  };
  using Errors = std::vector<config::Error>;
  // The number of a peer in the dataplane, if it has one yet.
  using IdOf = std::function<std::optional<std::uint32_t>(const Peer&)>;

  explicit PolicyService(Publisher& publisher) : publisher_(publisher) {}
  PolicyService(const PolicyService&) = delete;
  PolicyService& operator=(const PolicyService&) = delete;

  // What an earlier process left. Before anything else.
  void restore(const StoredState& stored);
  // The version that passed last; null: none did.
  [[nodiscard]] const StoredPolicy* stored() const { return stored_.get(); }

  // ---- versions ----
  enum class Tests : std::uint8_t { run, skip };
  // Touches nothing that is in force.
  [[nodiscard]] tl::expected<Prepared, Errors> prepare(policy::Bundle bundle, PolicySource source,
                                                       std::span<const Peer> peers, std::uint32_t max_classes,
                                                       wireguard::Instant now, Tests tests = Tests::run) const;
  // default = "allow".
  [[nodiscard]] static Prepared prepare_allow_all();
  // The peers of another configuration under the policy in force: an error if one of them needs too many classes.
  [[nodiscard]] tl::expected<void, Errors> check_peers(std::span<const Peer> peers, wireguard::Instant now);

  struct Settings {
    bool record_flows = false;
    friend bool operator==(const Settings&, const Settings&) = default;
  };
  // Cannot fail. `statistics` (null: no link) is where counters of rules that are new begin. Returns what changed.
  std::vector<std::string> put_in_force(Prepared prepared, std::span<const Peer> peers, const IdOf& id_of,
                                        Settings settings, std::string_view by, wireguard::Instant now,
                                        const abi::StatisticsView* statistics, StoreChange& to_store);
  // The same policy from another source, or with other settings.
  void set_source(PolicySource source, StoreChange& to_store);
  void set_settings(Settings settings);
  // An attempt that was refused, for the audit trail.
  void refused(PolicySource source, const std::string& etag, std::string_view by, std::vector<std::string> why,
               wireguard::Instant now, StoreChange& to_store);
  // The newest change came from this commit.
  void set_git(std::uint32_t generation, const std::string& commit, const std::string& author, StoreChange& to_store);

  [[nodiscard]] const policy::Policy* policy() const { return policy_.get(); }
  [[nodiscard]] const policy::Bundle& bundle() const { return bundle_; }
  [[nodiscard]] PolicyVersion version(const abi::StatisticsView* statistics) const;
  [[nodiscard]] std::vector<PolicyChange> changes(std::size_t most) const { return trail_.newest(most); }

  // ---- endpoints of live services ----
  [[nodiscard]] const policy::Endpoints& endpoints() const { return endpoints_; }
  // Still of the service for flows that go on. They do not outlive the process: the store has those that are ready.
  [[nodiscard]] const policy::Endpoints& draining() const { return draining_; }
  [[nodiscard]] tl::expected<void, PolicyRefusal> set_endpoints(const std::string& service,
                                                                std::vector<IpPrefix> endpoints,
                                                                std::vector<IpPrefix> draining, wireguard::Instant now,
                                                                StoreChange& to_store);

  // ---- peers ----
  // The peers of a configuration, all of them. Call after the publisher knows them, as with put_in_force().
  void set_peers(std::span<const Peer> peers, const IdOf& id_of, wireguard::Instant now);
  void set_peer(const Peer& peer, std::optional<std::uint32_t> id, wireguard::Instant now);
  // The same peers under other names: what they have stays, until set_peer() says what is different under the new name.
  void rename_peers(const Renames& renames);
  void remove_peer(const std::string& name);

  // Identity as the policy sees it.
  [[nodiscard]] std::string identity_of(std::uint32_t peer_id) const;  // the peer's name without one; empty: unknown
  [[nodiscard]] PeerIdentity view(const Peer& peer) const;

  // ---- rules ----
  [[nodiscard]] const policy::Rule* rule(std::uint32_t number) const;
  [[nodiscard]] std::uint32_t rule_number(const std::string& name) const { return rules_.of(name); }
  [[nodiscard]] RuleCounts::Totals counts(std::uint32_t number, const abi::StatisticsView& statistics) const {
    return counts_.counts(number, statistics);
  }
  void on_connected(const abi::StatisticsView& statistics, bool same_boot) {
    counts_.on_connected(statistics, same_boot);
  }

  // ---- time ----
  // Recomputes what is due, at most `most` peers; true if more are due. Call once a second, and again soon if so.
  bool refresh(wireguard::Instant now, std::size_t most = 200);
  // The wall clock was set: everything is computed anew, by refresh().
  void on_clock_step(wireguard::Instant now);
  // Forgets classes that nobody uses, if the dataplane has heard of that. Cheap when there is nothing to do.
  void collect_classes();

  [[nodiscard]] std::vector<Problem> problems() const;
  [[nodiscard]] std::vector<NamedCounter> counters() const;

 private:
  struct Member {
    std::string name;
    policy::Facts facts;
    policy::SourceAccess access;
    std::uint32_t destination_class = 0;
    std::optional<std::uint32_t> id;
    std::string identity;                  // whose group it is in; empty: none
    std::optional<policy::TimePoint> due;  // the next time step
    std::string failure;                   // why it has no access
  };
  // Peers that share an identity. Rates and flows are counted by `number`, the id of one of them.
  struct Group {
    std::set<std::uint32_t> ids;
    std::uint32_t number = 0;
  };

  // Of endpoints those that are still their service's under another version.
  [[nodiscard]] policy::Endpoints kept_under(const policy::Policy& next, const policy::Endpoints& endpoints) const;
  void compile(Member& member, wireguard::Instant now);
  void take(Member& member, const policy::SourceAccess& access, std::uint32_t destination_class);
  void publish(const Member& member);
  void release(const Member& member);
  [[nodiscard]] Renames renames_among(std::span<const Peer> peers, const IdOf& id_of) const;
  void keep_members(std::span<const Peer> peers);
  bool update_facts(const Peer& peer);
  void set_ids(std::span<const Peer> peers, const IdOf& id_of);
  void set_id(Member& member, const std::string& identity, std::optional<std::uint32_t> id);
  void leave_group(const Member& member);
  void set_due(Member& member, std::optional<policy::TimePoint> due);
  [[nodiscard]] std::uint32_t identity_number(const Member& member) const;
  void recompute_addresses(wireguard::Instant now);
  void set_addresses(std::map<IpPrefix, policy::AddressEntry> addresses);
  void hold_addresses(std::map<IpPrefix, policy::AddressEntry> addresses);
  void use(const policy::SourceAccess& access, std::initializer_list<std::uint32_t> destination_classes,
           int difference);
  void announce(const policy::SourceAccess& access, std::initializer_list<std::uint32_t> destination_classes);
  [[nodiscard]] abi::Access message(const policy::SourceAccess& access) const;
  [[nodiscard]] abi::SetAddress message(const IpPrefix& prefix, const policy::AddressEntry& entry) const;
  [[nodiscard]] abi::SetPeerAccess message(const Member& member) const;
  [[nodiscard]] std::uint64_t boot_ns_of(policy::TimePoint time) const;
  void stage();
  void index_rules();
  [[nodiscard]] std::vector<std::string> what_changes(const policy::Policy* next) const;
  void take_version(Prepared& prepared, StoreChange& to_store);
  void take_members(Prepared& prepared, std::span<const Peer> peers, const IdOf& id_of, wireguard::Instant now);
  void store_version(StoreChange& to_store) const;

  Publisher& publisher_;
  // The version in force.
  std::shared_ptr<const policy::Policy> policy_;
  std::unique_ptr<policy::Compiler> compiler_;
  policy::Bundle bundle_;
  policy::Numbers rules_{abi::max_rules};
  policy::Numbers services_{abi::max_services};
  PolicyVersion version_;
  Settings settings_;
  std::map<std::uint32_t, const policy::Rule*> rules_by_number_;
  std::shared_ptr<const StoredPolicy> stored_;
  AuditTrail trail_;
  RuleCounts counts_;
  policy::Endpoints endpoints_, draining_;

  // Who has what.
  std::unordered_map<std::string, Member> members_;  // by name
  std::unordered_map<std::uint32_t, Member*> by_id_;
  std::unordered_map<std::string, Group> groups_;  // by identity
  std::map<IpPrefix, policy::AddressEntry> addresses_;
  std::string addresses_failure_;
  std::set<std::pair<policy::TimePoint, std::string>> due_;  // by the member's name; empty: the addresses
  std::optional<policy::TimePoint> addresses_due_;
  std::unordered_map<std::uint32_t, std::int64_t> source_uses_, destination_uses_;  // of classes
  bool unused_classes_ = false;

  // Wall time minus CLOCK_BOOTTIME as all messages have it.
  std::optional<std::chrono::nanoseconds> clock_offset_;

  std::uint64_t compilations_ = 0, failures_ = 0, applied_ = 0, refused_ = 0;
};

}  // namespace sallyport::controlplane
