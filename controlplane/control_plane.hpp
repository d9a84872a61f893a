// The control plane as one object: it makes the parts, joins them, and answers the admin API by asking them. Everything
// runs on one event loop; only Diffie-Hellmans, disk writes and DNS have threads of their own, and hand their results
// back to the loop. README.md has the picture.
//
// Its methods are in several files: control_plane.cpp has the start, the link and the timers, reload.cpp the reload,
// admin_requests.cpp what the admin API asks, policy_requests.cpp what it asks of the policy, enrolment_requests.cpp
// what clients and operators ask of enrolment.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "config/config.hpp"
#include "config/difference.hpp"
#include "controlplane/access/live_services.hpp"
#include "controlplane/access/policy_service.hpp"
#include "controlplane/api/admin_backend.hpp"
#include "controlplane/differences.hpp"
#include "controlplane/enrolment/enrolment_gate.hpp"
#include "controlplane/enrolment/enrolment_service.hpp"
#include "controlplane/flows/capture_session.hpp"
#include "controlplane/flows/flow_listing.hpp"
#include "controlplane/flows/flow_recorder.hpp"
#include "controlplane/flows/flow_reports.hpp"
#include "controlplane/link/dataplane_access.hpp"
#include "controlplane/link/dataplane_link.hpp"
#include "controlplane/peers/barred_peers.hpp"
#include "controlplane/peers/peer_files.hpp"
#include "controlplane/peers/peers.hpp"
#include "controlplane/peers/session_peers.hpp"
#include "controlplane/publisher/publisher.hpp"
#include "controlplane/runtime/clock_steps.hpp"
#include "controlplane/runtime/lifetime.hpp"
#include "controlplane/runtime/loop_timer.hpp"
#include "controlplane/runtime/thread_pool.hpp"
#include "controlplane/state/state_keeper.hpp"
#include "controlplane/trust/trust_sources.hpp"
#include "controlplane/tunnels/wireguard_service.hpp"

namespace sallyport::controlplane {

// Why the control plane cannot start: errors of the configuration (and of the files that it names), or of the machine.
struct StartFailure {
  std::vector<config::Error> configuration;
  std::string machine;
};

class ControlPlane final : public AdminBackend, private DataplaneAccess, private ServiceOutputs, private LinkListener {
 public:
  // Touches nothing yet: threads, files and the link come with start(). `file` is read again at each reload, peers.d
  // beside it whenever something changes there.
  ControlPlane(boost::asio::io_context& loop, std::filesystem::path file, config::Config configuration);
  ~ControlPlane() override;

  [[nodiscard]] tl::expected<void, StartFailure> start();
  // Before start() and before privileges are given up: the port may be one below 1024.
  [[nodiscard]] tl::expected<void, std::string> bind_enrolment() { return gate_.bind(config_); }
  // For tests of what must not grow.
  [[nodiscard]] PeerMemory& peer_memory() { return peers_.memory(); }

  // AdminBackend
  [[nodiscard]] const config::Config& configuration() const override { return config_; }
  [[nodiscard]] std::span<const Peer> peers() const override { return peers_.all(); }
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
                                                         std::function<void()> on_end) override {
    return capture_.start(request, std::move(on_packet), std::move(on_end));
  }
  void stop_capture(std::uint32_t capture_id) override { capture_.stop(capture_id); }

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
  [[nodiscard]] const Peer* peer_of(const IpAddress& address) const override {
    return peers_.directory().by_address(address);
  }
  tl::expected<std::uint32_t, std::string> list_flows(abi::ListFlows request, FlowSink on_flow,
                                                      FlowEndSink on_end) override {
    return listing_.start(request, std::move(on_flow), std::move(on_end));
  }
  void stop_listing(std::uint32_t listing) override { listing_.stop(listing); }

  // EnrolmentBackend
  [[nodiscard]] std::vector<EnrolledSession> enrolled_sessions() const override;
  [[nodiscard]] const EnrolledSession* enrolled_session(std::string_view peer_name) const override {
    return enrolment_.by_peer_name(peer_name);
  }
  [[nodiscard]] std::vector<EnrolmentService::Past> past_sessions() const override;
  [[nodiscard]] std::vector<RefusedEnrolment> refused_enrolments() const override { return gate_.refused(); }
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
  [[nodiscard]] std::vector<ClusterStatus> clusters() const override { return live_.status(); }
  [[nodiscard]] std::optional<EndpointSource> endpoint_source(const std::string& service) const override {
    return live_.source_of(service);
  }
  [[nodiscard]] std::vector<PoolUse> pool_use() const override;

 private:
  // DataplaneAccess: statistics() is above.
  void request_flush() override;

  // ServiceOutputs
  std::optional<std::uint64_t> install_session(const abi::InstallSession& session) override;
  void retire_session(std::uint32_t index, std::uint64_t session_id) override;
  bool send_packet(const abi::PacketDown& packet) override;
  [[nodiscard]] std::optional<abi::PeerStatusValue> peer_status(std::uint32_t peer_id) const override;
  void reresolve_endpoint(std::uint32_t peer_id) override { peers_.reresolve_endpoint(peer_id); }
  void timestamp_accepted(const PeerKey& peer, const wireguard::GreatestTimestamp& timestamp) override;
  void endpoint_learned(const PeerKey& peer, const IpEndpoint& remote, const IpEndpoint& local) override;

  // LinkListener
  void on_connected(DataplaneConnection& connection) override;
  void on_disconnected(DataplaneConnection& connection, const std::string& why) override;
  void on_connect_failed(const std::string& why) override;
  void on_event(const abi::Event& event) override;
  void on_packet(const abi::PacketUp& packet, bool proven) override { service_.on_packet(packet, proven); }
  void on_captured(const abi::CapturedPacket& packet) override { capture_.on_captured(packet); }
  [[nodiscard]] std::size_t packet_room(bool proven) const override {
    return pool_.room(proven ? WorkClass::proven : WorkClass::unproven);
  }
  void on_turn_done() override { flush(); }

  [[nodiscard]] tl::expected<void, std::string> open_state();
  void on_clock_step();
  void rotate_cookie_secrets();
  void look_for_differences(const abi::StatisticsView& statistics);
  void tick();
  // Pushes what waits, wakes the dataplane and sets the timers; once per turn of the loop.
  void flush();

  // reload.cpp
  struct Candidate;
  [[nodiscard]] tl::expected<Candidate, std::vector<config::Error>> read_candidate(std::string_view by);
  [[nodiscard]] ReloadSummary commit(Candidate candidate, std::string_view by);
  void note_restarts_wanted(const config::Difference& difference, ReloadSummary& summary);
  // config_ and the keys are what they are now: peers and policy follow. With another policy, or under the one in
  // force.
  void apply_configuration(std::optional<PolicyService::Prepared> policy = std::nullopt, std::string_view by = {},
                           std::vector<std::string>* changes = nullptr);

  // policy_requests.cpp
  [[nodiscard]] tl::expected<void, std::vector<config::Error>> start_policy();
  // What a configuration asks for, of these peers: nothing if that is in force already.
  [[nodiscard]] tl::expected<std::optional<PolicyService::Prepared>, std::vector<config::Error>> prepare_policy(
      const config::Config& next, std::span<const Peer> peers);
  std::vector<std::string> put_in_force(PolicyService::Prepared prepared, std::string_view by);
  [[nodiscard]] PolicyService::Settings policy_settings() const;
  [[nodiscard]] PolicyService::IdOf id_of_peer() const;
  // The issuers of the policy in force.
  void apply_issuers();
  void ask_git();
  void refresh_policy();

  // enrolment_requests.cpp
  void on_enrolment(const EnrolmentRequest& request, const EnrolmentServer::Reply& reply);
  void log_enrolled(const Granted& granted);
  [[nodiscard]] std::vector<NamedCounter> enrolment_counters() const;

  boost::asio::io_context& loop_;
  const Lifetime lifetime_;
  const std::filesystem::path file_;
  const std::uint64_t started_at_ns_;
  config::Config config_;
  std::optional<LastReload> last_reload_;
  std::vector<std::string> refused_reload_;   // the errors of that one, if it was refused
  std::vector<std::string> restarts_wanted_;  // what gateway.toml says and only a restart can do

  StateKeeper state_;
  ThreadPool pool_;    // Diffie-Hellmans
  ThreadPool chores_;  // what may take seconds
  WireguardService service_;
  Publisher publisher_;
  Differences differences_;
  std::uint64_t resynchronised_at_ns_ = 0;  // because of differences
  std::uint64_t resynchronisations_ = 0;
  PolicyService policy_;
  std::string policy_failure_;  // why another policy than that of the files is in force
  LiveServices live_;
  Peers peers_;
  EnrolmentService enrolment_;
  BarredPeers barred_;
  SessionPeers sessions_;
  PeerFiles peer_files_;
  CaptureSession capture_;
  FlowListing listing_;
  FlowRecorder recorder_;
  FlowReports flow_reports_;
  LogLimiter enrolment_log_{20, 1'000'000'000};
  DataplaneLink link_;
  TrustSources trust_;
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

  LoopTimer tick_timer_;
  LoopTimer service_timer_;
  LoopTimer publisher_timer_;
  LoopTimer policy_timer_;
  EnrolmentGate gate_;  // its thread ends before anything that it hands work to
};

}  // namespace sallyport::controlplane
