// The control plane as one object: it joins the configuration, the WireGuard service, the publisher, the link and the
// store, and answers the admin API. Everything runs on one event loop; only Diffie-Hellmans, disk writes and DNS have
// threads of their own, and hand their results back to the loop.
//
//   gateway.toml, peers.d ─▶ make_objects ─┬─▶ Publisher ────────── commands ─▶┐
//   policy files ─▶ PolicyService ─────────┘                                  │
//                                          └─▶ WireguardService ── packets ───▶│ DataplaneLink
//   store ◀── timestamps, policy, audit trail ──────┘   ▲ ──────── events ─────┘
//   flow records ◀── FlowReports ◀──────────────────────┘
//
//   EnrolmentServer (thread) ─▶ EnrolmentService ─▶ peers that come and go     TrustSources ─▶ TrustStore ─▶ server
//   ClusterWatch ─▶ endpoints of live services ─▶ PolicyService
//
// Its methods are in several files: control_plane.cpp has the start, the link and the timers, admin_requests.cpp what
// the admin API asks, policy_requests.cpp what it asks of the policy, peer_requests.cpp peers.d, enrolment_requests.cpp
// enrolment, revocation, trust and clusters.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include "config/config.hpp"
#include "config/difference.hpp"
#include "config/peer_folder.hpp"
#include "controlplane/access/policy_service.hpp"
#include "controlplane/api/admin_backend.hpp"
#include "controlplane/differences.hpp"
#include "controlplane/enrolment/enrolment_server.hpp"
#include "controlplane/enrolment/enrolment_service.hpp"
#include "controlplane/flows/flow_records.hpp"
#include "controlplane/flows/flow_reports.hpp"
#include "controlplane/kubernetes/cluster_watch.hpp"
#include "controlplane/link/dataplane_link.hpp"
#include "controlplane/peers/endpoint_names.hpp"
#include "controlplane/peers/gateway_keys.hpp"
#include "controlplane/peers/object_ids.hpp"
#include "controlplane/peers/peer_directory.hpp"
#include "controlplane/peers/peer_folder_watch.hpp"
#include "controlplane/publisher/publisher.hpp"
#include "controlplane/runtime/clock_steps.hpp"
#include "controlplane/runtime/handshake_pool.hpp"
#include "controlplane/runtime/lifetime.hpp"
#include "controlplane/runtime/loop_timer.hpp"
#include "controlplane/runtime/name_resolver.hpp"
#include "controlplane/state/state_writer.hpp"
#include "controlplane/trust/trust_sources.hpp"
#include "controlplane/tunnels/wireguard_service.hpp"

namespace sallyport::controlplane {

// Why the control plane cannot start: errors of the configuration (and of the files that it names), or of the machine.
struct StartFailure {
  std::vector<config::Error> configuration;
  std::string machine;
};

class ControlPlane final : public AdminBackend, private ServiceOutputs, private LinkListener {
 public:
  // Touches nothing yet: threads, files and the link come with start(). `file` is read again at each reload, peers.d
  // beside it whenever something changes there.
  ControlPlane(boost::asio::io_context& loop, std::filesystem::path file, config::Config configuration);
  ~ControlPlane() override;

  [[nodiscard]] tl::expected<void, StartFailure> start();
  // Before start() and before privileges are given up: the port may be one below 1024.
  [[nodiscard]] tl::expected<void, std::string> bind_enrolment();

  // Of peers that are gone, so many timestamps are remembered (some 15 MB); those of peers that went earlier are
  // forgotten before their 24 hours are over.
  static constexpr std::size_t departed_max = 65536;
  // How many entries are held for the peers that are and were; for tests of what must not grow.
  struct Remembered {
    std::size_t timestamps, endpoints, departed;
  };
  [[nodiscard]] Remembered remembered() const {
    return {stored_.timestamps.size(), stored_.peer_endpoints.size(), departed_.size()};
  }
  // Timestamps of peers that are gone: those that have lapsed, and all but the last `kept`, so many in one call.
  void forget_departed_beyond(std::size_t kept, std::size_t most = 10'000);

  // AdminBackend
  [[nodiscard]] const config::Config& configuration() const override { return config_; }
  [[nodiscard]] std::uint64_t started_at_ns() const override { return started_at_ns_; }
  [[nodiscard]] const abi::StatisticsView* statistics() const override;
  [[nodiscard]] std::uint64_t dataplane_connected_since_ns() const override { return connected_since_ns_; }
  [[nodiscard]] std::optional<std::uint32_t> peer_id(std::string_view peer_name) const override;
  [[nodiscard]] std::string peer_name(std::uint32_t peer_id) const override;
  [[nodiscard]] std::optional<PublicKey> tunnel_public_key(std::string_view wireguard_name) const override;
  [[nodiscard]] std::vector<NamedCounter> counters() const override;
  [[nodiscard]] std::vector<Problem> problems() const override;
  [[nodiscard]] std::uint64_t commands_pending() const override { return publisher_.pending(); }
  tl::expected<ReloadSummary, std::vector<config::Error>> reload() override { return reload("reload"); }
  // `by` is what the audit trail says: "reload", "signal".
  tl::expected<ReloadSummary, std::vector<config::Error>> reload(std::string_view by);
  [[nodiscard]] std::optional<LastReload> last_reload() const override { return last_reload_; }
  tl::expected<void, std::string> forget_timestamp(std::string_view peer_name) override;
  tl::expected<std::uint32_t, std::string> start_capture(abi::SetCapture request, CaptureSink on_packet,
                                                         std::function<void()> on_end) override;
  void stop_capture(std::uint32_t capture_id) override;

  // PolicyBackend
  [[nodiscard]] const policy::Policy* policy() const override { return policy_.policy(); }
  [[nodiscard]] const policy::Bundle& bundle() const override { return policy_.bundle(); }
  [[nodiscard]] PolicyVersion policy_version() const override { return policy_.version(statistics()); }
  [[nodiscard]] const policy::Endpoints& endpoints() const override { return policy_.endpoints(); }
  [[nodiscard]] const policy::Endpoints& draining() const override { return policy_.draining(); }
  tl::expected<PolicyApplied, PolicyRefusal> apply_policy(const std::optional<policy::Bundle>& bundle,
                                                          const std::optional<std::string>& made_from,
                                                          std::string_view by) override;
  tl::expected<void, PolicyRefusal> set_endpoints(const std::string& service, std::vector<IpPrefix> endpoints) override;
  [[nodiscard]] std::vector<PolicyChange> policy_changes(std::size_t most) const override {
    return policy_.changes(most);
  }
  [[nodiscard]] RuleCounts rule_counts(const std::string& rule) const override;
  [[nodiscard]] std::string rule_name(std::uint32_t number) const override;
  [[nodiscard]] std::uint32_t rule_number(const std::string& rule) const override { return policy_.rule_number(rule); }
  [[nodiscard]] std::vector<PeerIdentity> identities() const override;
  [[nodiscard]] const config::Peer* peer_of(const IpAddress& address) const override {
    return directory_.by_address(address);
  }
  [[nodiscard]] policy::Facts facts_of(const config::Peer& peer) const override;
  tl::expected<std::uint32_t, std::string> list_flows(abi::ListFlows request, FlowSink on_flow,
                                                      FlowEndSink on_end) override;
  void stop_listing(std::uint32_t listing) override;

  // EnrolmentBackend
  [[nodiscard]] std::vector<EnrolledSession> enrolled_sessions() const override;
  [[nodiscard]] const EnrolledSession* enrolled_session(std::string_view peer_name) const override {
    return enrolment_.by_peer_name(peer_name);
  }
  bool end_session(const std::string& id, std::string_view by) override;
  [[nodiscard]] std::vector<Revocation> revocations() const override { return enrolment_.revocations().all(); }
  tl::expected<void, std::string> revoke(RevocationKind kind, const std::string& value, const std::string& reason,
                                         std::string_view by, OnRevoked done) override;
  bool take_back_revocation(RevocationKind kind, const std::string& value, std::string_view by) override;
  [[nodiscard]] std::vector<EnrolmentKey> enrolment_keys() const override { return enrolment_.keys(); }
  tl::expected<MadeEnrolmentKey, std::string> make_enrolment_key(const NewEnrolmentKey& wanted,
                                                                 std::string_view by) override;
  [[nodiscard]] std::vector<PinnedName> pinned_names() const override { return enrolment_.pins(); }
  bool forget_pin(const std::string& identity, std::string_view by) override;
  [[nodiscard]] std::vector<TrustSourceStatus> trust_sources() const override { return trust_.status(); }
  [[nodiscard]] std::vector<ClusterStatus> clusters() const override;
  [[nodiscard]] std::optional<EndpointSource> endpoint_source(const std::string& service) const override;
  [[nodiscard]] std::vector<PoolUse> pool_use() const override;

 private:
  // ServiceOutputs
  std::optional<std::uint64_t> install_session(const abi::InstallSession& session) override;
  void retire_session(std::uint32_t index, std::uint64_t session_id) override;
  bool send_packet(const abi::PacketDown& packet) override;
  [[nodiscard]] std::optional<abi::PeerStatusValue> peer_status(std::uint32_t peer_id) const override;
  void reresolve_endpoint(std::uint32_t peer_id) override;
  void timestamp_accepted(const PeerKey& peer, const wireguard::GreatestTimestamp& timestamp) override;
  void endpoint_learned(const PeerKey& peer, const IpEndpoint& remote, const IpEndpoint& local) override;

  // LinkListener
  void on_connected(DataplaneConnection& connection) override;
  void on_disconnected(DataplaneConnection& connection, const std::string& why) override;
  void on_connect_failed(const std::string& why) override;
  void on_event(const abi::Event& event) override;
  void on_packet(const abi::PacketUp& packet, bool proven) override { service_.on_packet(packet, proven); }
  void on_captured(const abi::CapturedPacket& packet) override;
  [[nodiscard]] std::size_t packet_room(bool proven) const override {
    return pool_.room(proven ? WorkClass::proven : WorkClass::unproven);
  }
  void on_turn_done() override { flush(); }

  [[nodiscard]] tl::expected<void, std::string> open_store();
  // With a policy, or under the one in force.
  void apply_configuration(std::optional<PolicyService::Prepared> policy = std::nullopt, std::string_view by = {},
                           std::vector<std::string>* changes = nullptr);
  tl::expected<ReloadSummary, std::vector<config::Error>> try_to_reload(std::string_view by);
  void note_restarts_wanted(const config::Difference& difference, ReloadSummary& summary);

  // policy_requests.cpp
  [[nodiscard]] tl::expected<void, std::vector<config::Error>> start_policy();
  // What a configuration asks for: nothing if that is in force already.
  [[nodiscard]] tl::expected<std::optional<PolicyService::Prepared>, std::vector<config::Error>> prepare_policy(
      const config::Config& next);
  std::vector<std::string> put_in_force(PolicyService::Prepared prepared, std::string_view by);
  [[nodiscard]] PolicyService::Settings policy_settings() const;
  [[nodiscard]] std::optional<std::uint32_t> known_id(const config::Peer& peer) const;
  void ask_git();
  // Writes at once, not with the next second. `done` hears on the loop whether it is on disk.
  void save(std::function<void(bool stored)> done = {});
  void on_saved(std::uint64_t ticket, bool stored);
  void apply_flow_records();
  void record_flow(FlowReport report);
  void on_flow_shown(const abi::FlowShown& shown);
  void on_listing_ended(const abi::FlowListingEnded& ended);
  void end_listing(tl::expected<bool, std::string> how);
  void refresh_policy();

  // enrolment_requests.cpp
  [[nodiscard]] std::optional<EnrolmentService::Settings> enrolment_settings() const;
  void configure_enrolment();
  void restore_enrolment();
  [[nodiscard]] bool is_revoked(const config::Peer& peer) const;
  using BarredPeers = std::map<std::string, config::Peer>;
  [[nodiscard]] BarredPeers take_revoked_peers(config::Config& configuration) const;
  void add_sessions(config::Config& next, GatewayKeys& keys) const;
  static void add_former_key(const EnrolledSession& session, GatewayKeys& keys, const GatewayKeys& before);
  void make_way(const config::Peer& peer);
  void end_displaced_sessions();
  void apply_effects(EnrolmentService::Effects effects);
  void begin_session_peer(const EnrolledSession& session);
  void change_session_peer(const EnrolledSession& before, const EnrolledSession& after);
  void end_session_peer(const EnrolledSession& session, const std::string& why);
  void arm_expiry();
  void expire_sessions();
  [[nodiscard]] std::optional<ProofRefusal> check_enrolled_key(const PublicKey& key) const;
  // An error: nobody can enrol; the rest of the gateway works.
  [[nodiscard]] tl::expected<void, std::string> start_enrolment_server();
  [[nodiscard]] tl::expected<std::optional<TcpListener>, std::string> listener_for(const config::Config& next) const;
  [[nodiscard]] std::optional<TcpListener> prepare_enrolment(const config::Config& next,
                                                             std::vector<config::Error>& errors) const;
  void log_enrolled(const Granted& granted);
  static void log_refused(const RefusedProof& refused, const IpAddress& source);
  void on_enrolment(const EnrolmentRequest& request, const EnrolmentServer::Reply& reply);
  [[nodiscard]] std::vector<NamedCounter> enrolment_counters() const;
  void apply_issuers();
  void apply_clusters();
  [[nodiscard]] std::optional<std::pair<std::string, std::string>> cluster_of(const policy::Service& service) const;
  void on_live_endpoints(const std::string& cluster, const std::string& followed, const LiveEndpoints& endpoints);

  // peer_requests.cpp
  using NewKeys = std::map<std::string, std::shared_ptr<const wireguard::PeerKeys>>;
  // Makes the keys of a new peer of peers.d; the reason if they cannot be had.
  [[nodiscard]] static config::PeerFolder::Accept accept_peers(const GatewayKeys& keys, const GatewayKeys& before,
                                                               NewKeys& made);
  void start_peer_folder();
  void on_peer_files(const std::set<std::string>* names);
  void apply_peer_changes(const config::PeerFolder::Changes& changes, const NewKeys& made);
  void rename_peers(const Renames& renames);
  void end_peer(const config::Peer& peer);
  void begin_peer(const config::Peer& peer);
  void note_peer_file_problems();
  [[nodiscard]] std::vector<Problem> peer_file_problems() const;
  void restore_timestamps(const StoredState& stored);
  void restore_endpoints();
  [[nodiscard]] bool is_configured(const PeerKey& key) const;
  // What is remembered of peers that are gone.
  void note_departed(const PeerKey& key);
  void note_all_departed();
  [[nodiscard]] TimestampRow to_row(const wireguard::GreatestTimestamp& timestamp) const;
  void on_resolved(const std::string& name, const std::vector<IpAddress>& addresses);
  // To the peers of this name.
  void apply_address_of(const std::string& name);
  void on_clock_step();
  void ask_for_names();
  void rotate_cookie_secrets();
  void look_for_differences(const abi::StatisticsView& statistics);
  void watch_capture();
  void end_capture();
  void tick();
  // Pushes what waits, wakes the dataplane and sets the timers; once per turn of the loop.
  void request_flush();
  void flush();

  boost::asio::io_context& loop_;
  const Lifetime lifetime_;
  const std::filesystem::path file_;
  const std::uint64_t started_at_ns_;
  config::Config config_;
  GatewayKeys keys_;
  ObjectIds ids_;
  EndpointNames names_;
  PeerDirectory directory_;  // of config_.peers
  config::PeerFolder peer_folder_;
  std::set<std::string> peer_file_problems_;  // that were logged
  LogLimiter peer_folder_log_{10, 1'000'000'000};
  std::optional<LastReload> last_reload_;
  std::vector<std::string> refused_reload_;   // the errors of that one, if it was refused
  std::vector<std::string> restarts_wanted_;  // what gateway.toml says and only a restart can do
  BarredPeers barred_peers_;                  // configured, but revoked: not in config_.peers

  // The store, and what it is to be told next.
  StoredState stored_;  // as loaded, and kept up to date in its timestamps and the endpoints of peers
  // Peers that are gone and whose timestamps still bind: those that went first in front. A peer may be in it twice, or
  // have come back.
  std::deque<PeerKey> departed_;
  std::map<PublicKey, wireguard::Tai64n> floors_;
  StoreChange dirty_;
  bool ran_before_ = false;  // the store was not new
  std::uint64_t last_ticket_ = 0;
  std::map<std::uint64_t, std::function<void(bool stored)>> waiting_for_disk_;  // by ticket
  std::string store_failure_;
  std::string state_lost_;  // what the store should have held and does not
  std::uint64_t store_failures_ = 0;

  HandshakePool pool_;
  HandshakePool chores_;  // what may take seconds
  WireguardService service_;
  Publisher publisher_;
  Differences differences_;
  std::uint64_t resynchronised_at_ns_ = 0;  // because of differences
  std::uint64_t resynchronisations_ = 0;
  PolicyService policy_;
  std::string policy_failure_;  // why another policy than that of the files is in force
  FlowReports flow_reports_;
  std::unique_ptr<FlowRecords> flow_records_;
  std::uint64_t records_written_before_ = 0, records_lost_before_ = 0;  // by recorders that are gone
  EnrolmentService enrolment_;
  LogLimiter enrolment_log_{20, 1'000'000'000};
  std::string enrolment_failure_;  // why the enrolment API does not listen
  DataplaneLink link_;
  NameResolver resolver_;
  TrustSources trust_;
  std::map<std::string, std::unique_ptr<ClusterWatch>> clusters_;  // by name
  std::unique_ptr<StateWriter> writer_;
  std::unique_ptr<ClockSteps> clock_steps_;

  std::optional<std::uint64_t> last_boot_id_;
  std::uint64_t connected_since_ns_ = 0;
  std::uint64_t cookie_secrets_since_ns_ = 0;
  Secret<32> cookie_secret_;
  std::uint64_t clock_steps_seen_ = 0;
  std::uint64_t reconnections_ = 0;
  std::string link_failure_;
  bool wake_wanted_ = false;
  bool flush_posted_ = false;
  bool settings_applied_ = false;

  struct Capture {
    std::uint32_t id;
    std::uint32_t packets_left;
    CaptureSink on_packet;
    std::function<void()> on_end;
    unsigned quiet_checks = 0;
  };
  std::optional<Capture> capture_;
  std::uint32_t last_capture_id_ = 0;

  struct Listing {
    std::uint32_t number;
    std::uint32_t flows_left;
    FlowSink on_flow;
    FlowEndSink on_end;
  };
  std::optional<Listing> listing_;
  std::uint32_t last_listing_ = 0;

  LoopTimer tick_timer_;
  LoopTimer service_timer_;
  LoopTimer publisher_timer_;
  LoopTimer capture_timer_;
  LoopTimer listing_timer_;
  LoopTimer policy_timer_;
  LoopTimer expiry_timer_;
  PeerFolderWatch peer_watch_;
  // Its thread ends before anything that it hands work to.
  std::optional<TcpListener> enrolment_listener_;
  std::pair<IpEndpoint, EnrolmentServer::Settings> served_;
  std::unique_ptr<EnrolmentServer> enrolment_server_;
};

}  // namespace sallyport::controlplane
