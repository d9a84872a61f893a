#include "tests/unit/api/fake_backend.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>

#include "config/load.hpp"
#include "policy/load.hpp"
#include "policy/match.hpp"
#include "policy/run_tests.hpp"

namespace sallyport::controlplane {
namespace {

constexpr std::string_view gateway_toml = R"(
[gateway]
name = "fra-edge-1"
[dataplane]
max_peers = 16
max_sessions = 64
[[port]]
name = "wan"
device = "0000:3b:00.0"
role = "underlay"
addresses = ["192.0.2.1/24", "2001:db8::1/64"]
gateway = ["192.0.2.254"]
[[port]]
name = "lan"
device = "0000:3b:00.1"
role = "inside"
addresses = ["10.0.0.1/24", "fd00::1/64"]
[[route]]
to = "10.20.0.0/16"
via = "10.0.0.254"
[[wireguard]]
name = "wg0"
listen_port = 51820
private_key_file = "wg0.key"
addresses = ["10.8.0.1/16", "fd08::1/64"]
mtu = 1420
[[peer]]
name = "ann-laptop"
wireguard = "wg0"
public_key = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="
allowed_ips = ["10.8.0.2/32", "fd08::2/128"]
persistent_keepalive_s = 25
identity = "user:corp/ann@example.com"
tags = ["laptop"]
[[peer]]
name = "bob-phone"
wireguard = "wg0"
public_key = "TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0="
preshared_key_file = "bob.psk"
allowed_ips = ["10.8.0.3/32"]
[policy]
default = "allow"
)";

config::Config parse_configuration() {
  auto parsed = config::parse(gateway_toml, "/etc/sallyport/gateway.toml");
  if (!parsed) std::abort();
  return std::move(*parsed);
}

abi::Segment make_segment() {
  const auto layout =
      abi::StatisticsLayout::of(FakeBackend::workers, FakeBackend::max_peers, FakeBackend::max_sessions);
  auto segment = abi::Segment::create("sallyport-test", layout.total, abi::Segment::OtherSide::reads_only);
  if (!segment) std::abort();
  return std::move(*segment);
}

template <std::size_t N>
void put_text(std::array<char, N>& out, std::string_view text) {
  out = {};
  std::memcpy(out.data(), text.data(), std::min(text.size(), N));
}

abi::StatisticsLayout layout() {
  return abi::StatisticsLayout::of(FakeBackend::workers, FakeBackend::max_peers, FakeBackend::max_sessions);
}

abi::PortStatusValue port_value(const config::Port& port) {
  abi::PortStatusValue value{};
  put_text(value.name, port.name);
  put_text(value.device, port.device);
  put_text(value.driver, "net_ice");
  value.is_underlay = port.role == config::PortRole::underlay ? 1 : 0;
  value.link_up = 1;
  value.mtu = port.mtu;
  value.rx_queues = value.tx_queues = 1;
  value.speed_mbps = 10'000;
  value.mac = {2, 0, 0, 0, 0, value.is_underlay};
  for (std::size_t i = 0; i < port.addresses.size(); ++i) value.addresses[i] = port.addresses[i];
  value.device_rx_missed = 5;
  return value;
}

}  // namespace

const std::string_view FakeBackend::policy_toml = R"(schema = 1

[issuer.corp]
type = "oidc"
issuer = "https://idp.example.com"
jwks_file = "jwks/corp.json"
audience = "sallyport-fra"

[group]
laptops = ["tag:laptop"]

[service]
backend     = { prefixes = ["10.20.0.0/24"], ports = ["tcp/8080", "udp/5000-5100"] }
payments-db = { prefixes = ["10.20.4.0/24"], ports = ["tcp/5432"] }
live        = { endpoints = "prod-eu/shop/live", ports = ["tcp/443"] }
bobs-phone  = { identities = ["peer:bob-phone"], ports = ["tcp/22"] }

[[rule]]
name = "laptops-to-backend"
action = "allow"
from = ["group:laptops"]
to = ["backend", "live"]
rate = "200mbit"

[[rule]]
name = "ann-db"
action = "allow"
from = ["user:corp/ann@example.com"]
to = ["payments-db"]
when = { hours = "Mon-Fri 07:00-19:00 Europe/Berlin" }
log = "all"

[[rule]]
name = "bob-frozen"
action = "deny"
from = ["peer:bob-phone"]
to = ["*"]
priority = 100

[[test]]
src = "user:corp/ann@example.com"
at = 2026-11-23T09:00:00Z
allow = ["payments-db:tcp/5432"]
deny = ["backend:tcp/8080"]
)";

FakeBackend::FakeBackend()
    : config(parse_configuration()),
      all_peers(configured_peers(config.peers)),
      segment_(make_segment()),
      view_(segment_, workers, max_peers, max_sessions) {
  abi::StatisticsHeader& head = header();
  head.magic = abi::statistics_magic;
  head.max_peers = max_peers;
  head.max_sessions = max_sessions;
  head.worker_count = workers;
  head.port_count = 2;
  head.boot_id = 0x0123456789abcdef;
  head.started_at_ns = now_ns - 7200 * second;
  head.updated_at_ns = now_ns;
  head.buffers_total = 65536;
  head.buffers_in_use = 1024;
  head.live_peers = 2;
  head.live_sessions = 1;
  put_text(head.crypto_engine, "ipsec_mb");
  put_text(head.build_version, "0.1.0");
  for (unsigned i = 0; i < 2; ++i) write_port(i, port_value(config.ports[i]));
  abi::PeerStatusValue ann{};
  ann.live = 1;
  ann.key = all_peers[0].public_key;
  ann.endpoint = *IpEndpoint::parse("198.51.100.7:51820");
  ann.current_index = 0x41;  // slot 1
  ann.latest_handshake_ns = now_ns - 12 * second;
  ann.last_received_ns = now_ns - 2 * second;
  ann.rx_packets = 10;
  ann.rx_bytes = 1400;
  ann.tx_packets = 20;
  ann.tx_bytes = 2'500'000;
  write_peer(0, ann);
  abi::SessionStatusValue session{};
  session.state = abi::SessionState::current;
  session.role = abi::HandshakeRole::responder;
  session.index = 0x41;
  session.remote_index = 0x99;
  session.created_at_ns = now_ns - 12 * second;
  session.send_counter = 20;
  session.greatest_received_counter = 9;
  write_session(session);
  head.max_flows = 1024;
  head.live_flows = 3;
  configured_bundle.files.push_back({.name = "/etc/sallyport/policy.toml", .text = std::string(policy_toml)});
  if (!apply_policy(std::nullopt, std::nullopt, "start")) std::abort();
}

abi::StatisticsHeader& FakeBackend::header() {
  return *segment_.at<abi::StatisticsHeader>();
}

void FakeBackend::count(std::uint32_t writer, unsigned port, unsigned counter, std::uint64_t value) {
  segment_.at<abi::CounterBlock>(layout().counters)[writer].values[port][counter] = value;
}

void FakeBackend::write_peer(std::uint32_t id, const abi::PeerStatusValue& value) {
  segment_.at<abi::PeerStatus>(layout().peers)[id].write(value);
}

void FakeBackend::write_session(const abi::SessionStatusValue& value) {
  segment_.at<abi::SessionStatus>(layout().sessions)[value.index & (max_sessions - 1)].write(value);
}

void FakeBackend::write_port(unsigned index, const abi::PortStatusValue& value) {
  segment_.at<abi::PortStatus>(layout().ports)[index].write(value);
}

void FakeBackend::write_neighbour(unsigned index, const abi::NeighbourStatusValue& value) {
  segment_.at<abi::NeighbourStatus>(layout().neighbours)[index].write(value);
}

abi::CapturedPacket FakeBackend::packet(abi::CapturePoint point, std::string_view bytes) {
  abi::CapturedPacket packet{};
  packet.version = abi::version;
  packet.captured_bytes = static_cast<std::uint16_t>(bytes.size());
  packet.original_bytes = static_cast<std::uint32_t>(bytes.size());
  packet.at_ns = now_ns - second;
  packet.point = point;
  packet.link_type = 1;
  std::memcpy(packet.data.data(), bytes.data(), bytes.size());
  return packet;
}

std::optional<std::uint32_t> FakeBackend::peer_id(std::string_view name) const {
  for (std::size_t i = 0; i < all_peers.size(); ++i)
    if (all_peers[i].name == name) return static_cast<std::uint32_t>(i);
  return std::nullopt;
}

std::string FakeBackend::peer_name(std::uint32_t id) const {
  return id < all_peers.size() ? all_peers[id].name : std::string();
}

std::optional<PublicKey> FakeBackend::tunnel_public_key(std::string_view name) const {
  if (name != "wg0") return std::nullopt;
  return decode_key("HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw=");
}

tl::expected<void, std::string> FakeBackend::forget_timestamp(std::string_view name) {
  forgotten.emplace_back(name);
  return {};
}

tl::expected<std::uint32_t, std::string> FakeBackend::start_capture(abi::SetCapture request, CaptureSink on_packet,
                                                                    std::function<void()> on_end) {
  if (capture) return tl::unexpected(std::string("a capture is running"));
  capture = request;
  capture->capture_id = 7;
  capture_sink = std::move(on_packet);
  capture_end = std::move(on_end);
  for (const auto& captured : packets_at_start) capture_sink(captured);
  if (!packets_at_start.empty() && packets_at_start.size() >= request.max_packets) capture_end();
  return 7;
}

void FakeBackend::stop_capture(std::uint32_t /*capture_id*/) {
  ++captures_stopped;
  capture.reset();
  if (const auto end = std::exchange(capture_end, nullptr)) end();
}

tl::expected<policy::Policy, std::vector<config::Error>> FakeBackend::load_policy(const policy::Bundle& bundle) {
  auto policy = policy::parse(bundle);
  if (!policy) return policy;
  auto failed = policy::failed_tests(policy::run_tests(*policy, policy::TimePoint(std::chrono::hours(490'000))));
  if (!failed.empty()) return tl::unexpected(std::move(failed));
  return policy;
}

abi::FlowRecord FakeBackend::flow(std::uint16_t destination_port) {
  abi::FlowRecord record{};
  record.source = IpAddress::v4(10, 8, 0, 2);
  record.destination = IpAddress::v4(10, 20, 0, 7);
  record.protocol = 6;
  record.tcp_state = abi::TcpState::established;
  record.source_port = 40'000;
  record.destination_port = destination_port;
  record.source_peer = 0;
  record.destination_peer = abi::no_peer;
  record.rule = 2;  // bob-frozen decides first
  record.generation = 1;
  record.allowed = 1;
  record.inside_port = 1;
  record.started_at_ns = now_ns - 90 * second;
  record.last_seen_at_ns = now_ns - 2 * second;
  record.packets = {10, 20};
  record.bytes = {1000, 20'000};
  return record;
}

tl::expected<PolicyApplied, PolicyRefusal> FakeBackend::apply_policy(const std::optional<policy::Bundle>& bundle,
                                                                     const std::optional<std::string>& made_from,
                                                                     std::string_view by) {
  if (made_from && *made_from != version.etag)
    return tl::unexpected(PolicyRefusal{PolicyRefusal::Kind::outdated, "another version is in force", {}});
  const policy::Bundle& taken = bundle ? *bundle : configured_bundle;
  auto loaded = load_policy(taken);
  if (!loaded)
    return tl::unexpected(PolicyRefusal{PolicyRefusal::Kind::errors, "the policy has errors", loaded.error()});
  policy_in_force = std::move(*loaded);
  bundle_in_force = taken;
  version = {.generation = version.generation + 1,
             .etag = taken.etag(),
             .source = bundle ? PolicySource::api : PolicySource::files,
             .applied_at = std::chrono::sys_seconds(std::chrono::seconds(1'700'000'000)),
             .git_commit = {},
             .git_author = {},
             .in_force = true};
  changes.insert(changes.begin(), {.at = version.applied_at,
                                   .applied = true,
                                   .generation = version.generation,
                                   .etag = version.etag,
                                   .source = version.source,
                                   .by = std::string(by),
                                   .git_commit = {},
                                   .git_author = {},
                                   .summary = {"~ rule laptops-to-backend"}});
  return PolicyApplied{.version = version, .changes = changes.front().summary, .warnings = {}};
}

tl::expected<void, PolicyRefusal> FakeBackend::set_endpoints(const std::string& service,
                                                             std::vector<IpPrefix> endpoints) {
  const policy::Service* found = policy_in_force ? policy_in_force->find_service(service) : nullptr;
  if (found == nullptr)
    return tl::unexpected(PolicyRefusal{PolicyRefusal::Kind::unknown_service, "there is no such service", {}});
  if (!found->endpoints)
    return tl::unexpected(PolicyRefusal{PolicyRefusal::Kind::not_live, "the service has no 'endpoints'", {}});
  live_endpoints[service] = std::move(endpoints);
  return {};
}

std::vector<PolicyChange> FakeBackend::policy_changes(std::size_t most) const {
  return {changes.begin(), changes.begin() + static_cast<std::ptrdiff_t>(std::min(most, changes.size()))};
}

PolicyBackend::RuleCounts FakeBackend::rule_counts(const std::string& rule) const {
  if (rule.empty()) return {.denied_packets = 7};
  if (rule == "ann-db") return {.allowed_packets = 12, .allowed_bytes = 1'500'000, .limited_packets = 1};
  return {};
}

std::string FakeBackend::rule_name(std::uint32_t number) const {
  if (!policy_in_force || number == 0 || number > policy_in_force->rules.size()) return {};
  return policy_in_force->rules[number - 1].name;
}

std::uint32_t FakeBackend::rule_number(const std::string& rule) const {
  for (std::size_t i = 0; policy_in_force && i < policy_in_force->rules.size(); ++i)
    if (policy_in_force->rules[i].name == rule) return static_cast<std::uint32_t>(i + 1);
  return 0;
}

std::vector<PeerIdentity> FakeBackend::identities() const {
  std::vector<PeerIdentity> list;
  const policy::TimePoint now{std::chrono::seconds(1'700'000'000)};
  for (const Peer& peer : all_peers) {
    PeerIdentity identity{.peer_id = *peer_id(peer.name), .facts = peer.facts, .rules = {}};
    identity.source_class = identity.peer_id + 1;
    for (std::size_t i = 0; policy_in_force && i < policy_in_force->rules.size(); ++i) {
      const policy::Rule& rule = policy_in_force->rules[i];
      if (policy::from_matches(rule, identity.facts) &&
          policy::conditions_hold(*policy_in_force, rule, identity.facts, now))
        identity.rules.push_back(rule.name);
    }
    list.push_back(std::move(identity));
  }
  return list;
}

const Peer* FakeBackend::peer_of(const IpAddress& address) const {
  for (const Peer& peer : all_peers)
    for (const IpPrefix& prefix : peer.prefixes)
      if (prefix.contains(address)) return &peer;
  return nullptr;
}

tl::expected<std::uint32_t, std::string> FakeBackend::list_flows(abi::ListFlows request, FlowSink on_flow,
                                                                 FlowEndSink on_end) {
  if (listing) return tl::unexpected(std::string("a listing is running"));
  request.listing = 9;
  for (const abi::FlowRecord& record : flows_at_start) on_flow(record);
  if (flow_end_at_start) {
    on_end(*flow_end_at_start);
    return 9;
  }
  listing = request;
  flow_sink = std::move(on_flow);
  flow_end = std::move(on_end);
  return 9;
}

void FakeBackend::stop_listing(std::uint32_t /*listing*/) {
  ++listings_stopped;
  listing.reset();
}

}  // namespace sallyport::controlplane
