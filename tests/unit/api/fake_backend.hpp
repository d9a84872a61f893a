// An AdminBackend for tests: a small configuration, a small policy and a real statistics segment, all free to change;
// it records what it is asked to do.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/api/admin_backend.hpp"

namespace sallyport::controlplane {

class FakeBackend final : public AdminBackend {
 public:
  static constexpr std::uint32_t workers = 2;
  static constexpr std::uint32_t max_peers = 16;
  static constexpr std::uint32_t max_sessions = 64;
  static constexpr std::uint64_t now_ns = 1'000'000'000'000'000;  // CLOCK_BOOTTIME of every answer of a pure test

  // Ports wan and lan, tunnel wg0, peers ann-laptop (with a live session) and bob-phone (never seen).
  FakeBackend();

  // Writable access to the segment, as the dataplane has it.
  [[nodiscard]] abi::StatisticsHeader& header();
  void count(std::uint32_t writer, unsigned port, unsigned counter, std::uint64_t value);
  void write_peer(std::uint32_t id, const abi::PeerStatusValue& value);
  void write_session(const abi::SessionStatusValue& value);
  void write_port(unsigned index, const abi::PortStatusValue& value);
  void write_neighbour(unsigned index, const abi::NeighbourStatusValue& value);
  [[nodiscard]] static abi::CapturedPacket packet(abi::CapturePoint point, std::string_view bytes);

  [[nodiscard]] const config::Config& configuration() const override { return config; }
  [[nodiscard]] std::span<const Peer> peers() const override { return all_peers; }
  [[nodiscard]] std::uint64_t started_at_ns() const override { return now_ns - 3600 * second; }
  [[nodiscard]] const abi::StatisticsView* statistics() const override { return connected ? &view_ : nullptr; }
  [[nodiscard]] std::uint64_t dataplane_connected_since_ns() const override { return now_ns - 60 * second; }
  [[nodiscard]] std::optional<std::uint32_t> peer_id(std::string_view name) const override;
  [[nodiscard]] std::string peer_name(std::uint32_t id) const override;
  [[nodiscard]] std::optional<PublicKey> tunnel_public_key(std::string_view name) const override;
  [[nodiscard]] std::vector<NamedCounter> counters() const override { return named_counters; }
  [[nodiscard]] std::vector<Problem> problems() const override { return problem_list; }
  [[nodiscard]] std::uint64_t commands_pending() const override { return 3; }
  tl::expected<ReloadSummary, std::vector<config::Error>> reload() override { return reload_result; }
  [[nodiscard]] std::optional<LastReload> last_reload() const override { return newest_reload; }
  tl::expected<void, std::string> forget_timestamp(std::string_view name) override;
  tl::expected<std::uint32_t, std::string> start_capture(abi::SetCapture request, CaptureSink on_packet,
                                                         std::function<void()> on_end) override;
  void stop_capture(std::uint32_t capture_id) override;

  // Rules laptops-to-backend, ann-db (on weekdays) and bob-frozen; services backend, payments-db, live and bobs-phone.
  static const std::string_view policy_toml;
  // Parses and tests it, as the control plane does before a version comes in force.
  [[nodiscard]] static tl::expected<policy::Policy, std::vector<config::Error>> load_policy(
      const policy::Bundle& bundle);
  [[nodiscard]] static abi::FlowRecord flow(std::uint16_t destination_port);

  [[nodiscard]] const policy::Policy* policy() const override { return policy_in_force ? &*policy_in_force : nullptr; }
  [[nodiscard]] const policy::Bundle& bundle() const override { return bundle_in_force; }
  [[nodiscard]] PolicyVersion policy_version() const override { return version; }
  [[nodiscard]] const policy::Endpoints& endpoints() const override { return live_endpoints; }
  tl::expected<PolicyApplied, PolicyRefusal> apply_policy(const std::optional<policy::Bundle>& bundle,
                                                          const std::optional<std::string>& made_from,
                                                          std::string_view by) override;
  tl::expected<void, PolicyRefusal> set_endpoints(const std::string& service, std::vector<IpPrefix> endpoints) override;
  [[nodiscard]] std::vector<PolicyChange> policy_changes(std::size_t most) const override;
  [[nodiscard]] RuleCounts rule_counts(const std::string& rule) const override;
  [[nodiscard]] std::string rule_name(std::uint32_t number) const override;  // from 1, in the order of the policy
  [[nodiscard]] std::uint32_t rule_number(const std::string& rule) const override;
  [[nodiscard]] std::vector<PeerIdentity> identities() const override;
  [[nodiscard]] const Peer* peer_of(const IpAddress& address) const override;
  tl::expected<std::uint32_t, std::string> list_flows(abi::ListFlows request, FlowSink on_flow,
                                                      FlowEndSink on_end) override;
  void stop_listing(std::uint32_t listing) override;

  // EnrolmentBackend (fake_enrolment.cpp): what is in the lists below, and nothing that comes to pass by itself.
  static const TimePoint wall_now;  // the wall clock of every answer of a pure test
  // A session of sa:prod-eu/shop/frontend, changed by `change`, and its peer.
  EnrolledSession& enroll(const std::string& id, const std::function<void(EnrolledSession&)>& change = {});
  [[nodiscard]] std::vector<EnrolledSession> enrolled_sessions() const override { return sessions; }
  [[nodiscard]] std::vector<EnrolmentService::Past> past_sessions() const override { return ended_sessions; }
  [[nodiscard]] std::vector<RefusedEnrolment> refused_enrolments() const override { return refused.list(); }
  [[nodiscard]] const EnrolledSession* enrolled_session(std::string_view peer_name) const override;
  bool end_session(const std::string& id, std::string_view by) override;
  [[nodiscard]] std::vector<Revocation> revocations() const override { return revocation_list; }
  tl::expected<void, std::string> revoke(RevocationKind kind, const std::string& value, const std::string& reason,
                                         std::string_view by, OnRevoked done) override;
  bool take_back_revocation(RevocationKind kind, const std::string& value, std::string_view by) override;
  [[nodiscard]] std::vector<EnrolmentKey> enrolment_keys() const override { return key_list; }
  tl::expected<MadeEnrolmentKey, std::string> make_enrolment_key(const NewEnrolmentKey& wanted,
                                                                 std::string_view by) override;
  [[nodiscard]] std::vector<PinnedName> pinned_names() const override { return pins; }
  bool forget_pin(const std::string& identity, std::string_view by) override;
  [[nodiscard]] std::vector<TrustSourceStatus> trust_sources() const override { return trust; }
  [[nodiscard]] std::vector<ClusterStatus> clusters() const override { return cluster_list; }
  [[nodiscard]] std::vector<PoolUse> pool_use() const override { return pools; }
  [[nodiscard]] std::optional<EndpointSource> endpoint_source(const std::string& service) const override;

  static constexpr std::uint64_t second = 1'000'000'000;

  std::vector<EnrolledSession> sessions;
  std::vector<EnrolmentService::Past> ended_sessions;
  RefusedEnrolments refused;
  std::vector<Revocation> revocation_list;
  std::vector<EnrolmentKey> key_list;
  std::vector<PinnedName> pins;
  std::vector<TrustSourceStatus> trust;
  std::vector<ClusterStatus> cluster_list;
  std::vector<PoolUse> pools;
  std::map<std::string, EndpointSource> endpoint_sources;
  bool revoke_at_once = true;  // `done` is called before revoke() returns; else it waits in on_revoked
  std::vector<std::function<void()>> on_revoked;
  std::string last_by;  // who asked for the newest change of these
  config::Config config;
  std::vector<Peer> all_peers;  // of the configuration, and those of the sessions
  bool connected = true;
  std::vector<NamedCounter> named_counters;
  std::vector<Problem> problem_list;
  tl::expected<ReloadSummary, std::vector<config::Error>> reload_result;
  std::optional<LastReload> newest_reload;
  std::vector<std::string> forgotten;
  std::optional<abi::SetCapture> capture;  // the running one
  CaptureSink capture_sink;
  std::function<void()> capture_end;
  unsigned captures_stopped = 0;
  std::vector<abi::CapturedPacket> packets_at_start;  // come as soon as a capture runs
  std::optional<policy::Policy> policy_in_force;      // nothing: everything is allowed
  policy::Bundle bundle_in_force;
  policy::Bundle configured_bundle;  // that gateway.toml names
  PolicyVersion version;
  policy::Endpoints live_endpoints;
  std::vector<PolicyChange> changes;      // newest first
  std::optional<abi::ListFlows> listing;  // the running one
  FlowSink flow_sink;
  FlowEndSink flow_end;
  unsigned listings_stopped = 0;
  std::vector<abi::FlowRecord> flows_at_start;                       // come as soon as a listing runs
  std::optional<tl::expected<bool, std::string>> flow_end_at_start;  // and how it ends then

 private:
  abi::Segment segment_;
  abi::StatisticsView view_;
};

}  // namespace sallyport::controlplane
