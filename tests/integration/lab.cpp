#include "tests/integration/lab.hpp"

#include <rte_eal.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>

#include "config/base/check.hpp"
#include "config/base/clock.hpp"
#include "config/base/log.hpp"
#include "controlplane/tunnels/session_rules.hpp"
#include "tests/integration/test_clock.hpp"

namespace sallyport::integration {
namespace {

std::string allowed_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  SP_CHECK(sched_getaffinity(0, sizeof set, &set) == 0);
  std::string list;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &set)) list += (list.empty() ? "" : ",") + std::to_string(cpu);
  return list;
}

IpPrefix prefix(const char* text) {
  return *IpPrefix::parse(text);
}

config::Port port(const char* name, const std::string& device, config::PortRole role, std::uint8_t index,
                  std::vector<IpPrefix> addresses) {
  config::Port made;
  made.name = name;
  made.device = device;
  made.role = role;
  made.addresses = std::move(addresses);
  made.mac = port_mac(index);
  return made;
}

WireguardPeer client(std::uint32_t id, const char* endpoint, const char* v4, const char* v6) {
  WireguardPeer peer{.id = id, .endpoint = *IpEndpoint::parse(endpoint), .v4 = ip(v4), .v6 = ip(v6), .public_key = {}};
  peer.public_key.fill(static_cast<std::uint8_t>(id));
  return peer;
}

}  // namespace

void start_eal_without_privileges() {
  static std::vector<std::string> words = {"integration",
                                           "--no-huge",
                                           "--no-shconf",
                                           "--no-pci",
                                           "--no-telemetry",
                                           "-m",
                                           "1024",
                                           "--log-level=error",
                                           "--log-level=lib.eal:3",
                                           "--lcores=0@(" + allowed_cpus() + ")",
                                           "--file-prefix=sallyport-integration-" + std::to_string(getpid())};
  static std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  SP_CHECK(rte_eal_init(static_cast<int>(arguments.size()), arguments.data()) >= 0);
  SP_CHECK(sodium_init() >= 0);
  set_log_level(LogLevel::error);
}

Lab::Lab(const LabOptions& options)
    : ann(client(1, "192.0.2.10:40001", "10.8.0.2", "fd08::2")),
      bob(client(2, "[2001:db8::20]:40002", "10.8.0.3", "fd08::3")),
      socket_path("/tmp/sallyport-integration-" + std::to_string(getpid()) + ".sock"),
      gateway_v4_(*IpEndpoint::parse("192.0.2.1:51820")),
      gateway_v6_(*IpEndpoint::parse("[2001:db8::1]:51820")) {
  static unsigned labs = 0;  // DPDK does not let a name be used twice at once
  const std::string suffix = std::to_string(labs++);
  for (const char* name : {"wan", "lan", "trunk"})
    wires.push_back(std::make_unique<Wire>(name + suffix, options.queues));

  config::Config configuration;
  configuration.gateway.name = "lab";
  configuration.dataplane.workers.clear();
  for (unsigned worker = 0; worker < options.workers; ++worker)
    configuration.dataplane.workers.push_back(static_cast<std::uint16_t>(worker));
  configuration.dataplane.max_peers = options.max_peers;
  configuration.dataplane.max_sessions = options.max_sessions;
  configuration.dataplane.max_classes = 64;
  configuration.dataplane.crypto = "ipsec_mb";
  configuration.dataplane.socket = socket_path;
  using config::PortRole;
  configuration.ports = {
      port("wan", wires[0]->device(), PortRole::underlay, wan, {prefix("192.0.2.1/24"), prefix("2001:db8::1/64")}),
      port("lan", wires[1]->device(), PortRole::inside, lan, {prefix("10.0.0.1/24"), prefix("fd00::1/64")}),
      port("dmz", wires[2]->device(), PortRole::inside, dmz, {prefix("10.12.0.1/24"), prefix("fd12::1/64")})};
  configuration.ports[wan].gateway = {ip("192.0.2.254"), ip("2001:db8::fe")};
  configuration.ports[dmz].vlan = static_cast<std::uint16_t>(dmz_vlan);
  for (config::Port& each : configuration.ports) each.rx_queues = static_cast<std::uint16_t>(options.queues);
  if (options.adjust) options.adjust(configuration);

  auto created = dataplane::Gateway::create(configuration);
  if (!created) std::fprintf(stderr, "gateway: %s\n", created.error().c_str());
  SP_CHECK(created.has_value());
  gateway = std::move(*created);

  std::array<std::uint8_t, 32> private_key;
  private_key.fill(0x42);
  identity = wireguard::make_local_identity(Secret<32>(private_key));
}

Lab::~Lab() {
  control.reset();
  for (auto& wire : wires) wire->clear();
  gateway.reset();
  wires.clear();
}

// --- the control plane ---

void Lab::connect() {
  control = std::make_unique<ControlPlane>(socket_path);
  advance(10 * millisecond_ns);
  SP_CHECK(control->adopt());
}

void Lab::disconnect() {
  control.reset();
  advance(10 * millisecond_ns);
}

abi::SetTunnel Lab::tunnel() const {
  return {.tunnel_id = 0,
          .listen_port = listen_port,
          .mtu = 1420,
          .mss_clamp = 1,
          .address_count = 2,
          .addresses = {prefix("10.8.0.1/16"), prefix("fd08::1/64")},
          .udp_checksum = 1,
          .protocol = abi::TunnelProtocol::wireguard,
          .wireguard = {.public_key = identity->public_key}};
}

abi::SetPeer Lab::peer_command(const WireguardPeer& peer) const {
  return {.peer_id = peer.id, .tunnel_id = 0, .key = peer.public_key};
}

abi::SetRoute Lab::route_to(const IpPrefix& to, const WireguardPeer& peer) const {
  return {.prefix = to, .route_kind = abi::RouteKind::peer, .peer_id = peer.id};
}

void Lab::add_peer(const WireguardPeer& peer) {
  control->push(peer_command(peer));
  control->push(route_to(IpPrefix::host(peer.v4), peer));
  control->push(route_to(IpPrefix::host(peer.v6), peer));
}

abi::InstallSession Lab::new_session(WireguardPeer& peer, abi::HandshakeRole role) {
  const std::uint64_t number = ++sessions_made_;
  peer.begin_session(static_cast<std::uint32_t>(number << 20U | number), number);
  return {.index = peer.gateway_index,
          .remote_index = peer.own_index,
          .session_id = number,
          .peer_id = peer.id,
          .role = role,
          .port_index = wan,
          .cipher = abi::SessionCipher::chacha20_poly1305,
          .created_at_ns = boottime_ns(),
          .rules = controlplane::wireguard_rules(role),
          .open_key = peer.to_gateway,
          .seal_key = peer.to_peer,
          .endpoint = peer.endpoint,
          .local = gateway_endpoint(peer.endpoint.address.family),
          .endpoint_seen_at_ns = boottime_ns()};
}

void Lab::give_session(WireguardPeer& peer, abi::HandshakeRole role) {
  control->push(new_session(peer, role));
}

void Lab::set_up() {
  connect();
  set_up_again();
}

void Lab::set_up_again() {
  control->push(tunnel());
  control->push(abi::BeginPolicy{.image = next_image(), .generation = 1, .allow_all = 1});
  control->push(abi::CommitPolicy{.image = image_});
  for (WireguardPeer* peer : {&ann, &bob}) {
    add_peer(*peer);
    give_session(*peer);
  }
  // The hosts that the tests speak of have spoken before.
  put(lan, arp_frame(1, far_mac(lan), ip("10.0.0.7"), {}, ip("10.0.0.1"), broadcast_mac));
  put(lan, solicitation_frame(far_mac(lan), ip("fd00::7"), ip("fd00::1")));
  settle();
  static_cast<void>(sent());
}

// --- the network ---

bool Lab::put(std::uint8_t device, const Bytes& frame, unsigned queue) {
  return wires[device]->put(gateway->pools().packets(), frame, queue);
}

bool Lab::put_packet(std::uint8_t port_index, const Bytes& packet, unsigned queue) {
  Bytes frame = ethernet(port_mac(port_index), far_mac(port_index), is_v4(packet) ? type_ipv4 : type_ipv6, packet);
  if (port_index == dmz) frame = with_vlan(frame, dmz_vlan);
  return put(port_index, frame, queue);
}

bool Lab::put_message(const IpEndpoint& from, const Bytes& message, unsigned tos, unsigned queue) {
  return put_packet(wan, udp_packet(from, gateway_endpoint(from.address.family), message, {.tos = tos}), queue);
}

bool Lab::put_inner(WireguardPeer& peer, const Bytes& inner, std::optional<std::uint64_t> counter_value) {
  return put_message(peer.endpoint, peer.seal(inner, counter_value));
}

void Lab::turn() {
  for (const auto& each : gateway->workers()) each->run_once();
  run_housekeeping();
}

bool Lab::run_housekeeping() {
  const auto calibrated_at = [this] { return gateway->statistics().header().updated_at_ns.load(); };
  const std::uint64_t before = calibrated_at();
  const bool worked = gateway->housekeeping().run_once();
  if (calibrated_at() != before) age_stamps(std::exchange(ahead_of_tsc_ns_, 0));
  return worked;
}

// The TSC did not move with the clock, so once they are calibrated anew all stamps would seem to be of now.
void Lab::age_stamps(std::uint64_t nanoseconds) {
  if (nanoseconds == 0) return;
  const auto& tables = gateway->tables();
  const auto cycles =
      static_cast<std::uint64_t>(static_cast<double>(nanoseconds) / 1e9 * static_cast<double>(tables.tsc_hz));
  const auto age = [cycles](std::atomic<std::uint64_t>& stamp) {
    if (stamp.load() > cycles) stamp.store(stamp.load() - cycles);
  };
  for (std::uint32_t slot = 0; slot < tables.sessions.capacity(); ++slot) {
    dataplane::OpenSession& open = tables.sessions.open_slot(slot);
    dataplane::SealSession& seal = tables.sessions.seal_slot(slot);
    if (open.index.load() == 0) continue;
    for (auto* stamp :
         {&open.last_received_tsc, &open.last_data_received_tsc, &seal.last_sent_tsc, &seal.last_data_sent_tsc})
      age(*stamp);
    open.expires_at_tsc -= cycles;
    seal.expires_at_tsc -= cycles;
  }
  for (std::uint32_t number = 0; number < tables.flows.entry_count(); ++number) {
    dataplane::FlowEntry& flow = tables.flows.entry(number);
    age(flow.forward.last_seen_tsc);
    age(flow.back.last_seen_tsc);
    if (flow.started_tsc > cycles) flow.started_tsc -= cycles;
  }
}

void Lab::settle() {
  unsigned quiet_turns = 0;
  for (unsigned turns = 0; quiet_turns < 4 && turns < 4096; ++turns) {
    unsigned moved = 0;
    for (const auto& each : gateway->workers()) moved += each->run_once();
    if (run_housekeeping()) ++moved;
    if (collect()) ++moved;
    quiet_turns = moved == 0 ? quiet_turns + 1 : 0;
  }
}

void Lab::advance(std::uint64_t nanoseconds) {
  advance_clock(nanoseconds);
  ahead_of_tsc_ns_ += nanoseconds;
  settle();
}

bool Lab::collect() {
  bool any = false;
  for (std::uint8_t device = 0; device < wires.size(); ++device) {
    while (auto frame = wires[device]->take()) {
      any = true;
      const unsigned vlan = take_vlan(*frame);
      if (answers_neighbours && is_neighbour_message(*frame)) {
        answer(device, vlan, *frame);
      } else {
        frames_.push_back({device, vlan, std::move(*frame)});
      }
    }
  }
  return any;
}

void Lab::answer(std::uint8_t device, unsigned vlan, const Bytes& question) {
  const auto target = asked_for(question);
  if (!target) return;
  const IpAddress asker =
      target->is_v4() ? IpAddress::v4_from_bytes(&question[28]) : IpAddress::v6_from_bytes(&question[22]);
  if (asker == *target || asker.is_unspecified()) return;  // an announcement or a probe
  const Mac gateway_mac = source_of(question);
  const Bytes reply = target->is_v4() ? arp_frame(2, far_mac(device), *target, gateway_mac, asker, gateway_mac)
                                      : advertisement_frame(far_mac(device), *target, asker, gateway_mac);
  put(device, vlan != 0 ? with_vlan(reply, vlan) : reply);
}

std::vector<Frame> Lab::sent() {
  settle();
  return std::exchange(frames_, {});
}

Bytes Lab::only_frame(std::uint8_t port_index) {
  const std::vector<Frame> frames = sent();
  const unsigned vlan = port_index == dmz ? dmz_vlan : 0;
  if (frames.size() != 1 || frames[0].device != port_index || frames[0].vlan != vlan) return {};
  return frames[0].bytes;
}

Bytes Lab::only_packet(std::uint8_t port_index) {
  const Bytes frame = only_frame(port_index);
  return frame.empty() ? frame : payload_of(frame);
}

std::optional<Bytes> Lab::only_inner(const WireguardPeer& peer) {
  const auto datagram = datagram_of(only_packet(wan));
  if (!datagram || datagram->to != peer.endpoint) return std::nullopt;
  const auto data = peer.open(datagram->payload);
  if (!data) return std::nullopt;
  return data->plaintext;
}

// --- what the gateway says ---

std::uint64_t Lab::counter(Counter which) const {
  return gateway->statistics().counter(abi::index_of(which));
}
std::uint64_t Lab::dropped(DropReason which) const {
  return gateway->statistics().counter(abi::index_of(which));
}
std::uint64_t Lab::all_dropped() const {
  std::uint64_t sum = 0;
  for (unsigned reason = 0; reason < abi::drop_reason_count; ++reason) sum += dropped(static_cast<DropReason>(reason));
  return sum;
}
std::uint64_t Lab::packets_in() const {
  return counter(Counter::received) + counter(Counter::originated);
}
std::uint64_t Lab::packets_out() const {
  return counter(Counter::sent) + counter(Counter::punted) + counter(Counter::consumed) + counter(Counter::merged) +
         all_dropped() + gateway->housekeeping().packets_held();
}
std::string Lab::drops() const {
  std::string text;
  for (unsigned index = 0; index < abi::counter_count; ++index)
    if (const std::uint64_t value = gateway->statistics().counter(index); value != 0)
      text += std::string(abi::counter_infos[index].name) + '=' + std::to_string(value) + ' ';
  return text;
}

void Lab::drop_everything_held() {
  settle();
  const std::uint64_t later = rte_rdtsc() + 10 * rte_get_tsc_hz();
  for (const auto& each : gateway->workers()) {
    each->reassembly.expire(later, each->counters);
    each->drop_all_held();
  }
  gateway->housekeeping().drop_all_held();
  for (auto& wire : wires) wire->clear();
  frames_.clear();
}

}  // namespace sallyport::integration
