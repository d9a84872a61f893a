#include "tests/unit/housekeeping/lab_gateway.hpp"

#include <rte_malloc.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "config/base/check.hpp"
#include "dataplane/abi/layout.hpp"
#include "dataplane/packet/icmp.hpp"
#include "dataplane/packet/icmp6.hpp"
#include "dataplane/packet/udp.hpp"

namespace sallyport::dataplane {

Bytes ethernet(const MacAddress& destination, const MacAddress& source, EtherType type, const Bytes& payload) {
  Bytes frame(ethernet_header_bytes + payload.size());
  store_wire(frame.data(), EthernetHeader{destination, source, Be16{static_cast<std::uint16_t>(type)}});
  std::copy(payload.begin(), payload.end(), frame.begin() + ethernet_header_bytes);
  return frame;
}

Bytes ip_packet(const IpAddress& source, const IpAddress& destination, IpProtocol protocol, Bytes l4) {
  const std::size_t checksum_at = protocol == IpProtocol::udp ? 6 : protocol == IpProtocol::tcp ? 16 : 2;
  const auto length = static_cast<std::uint32_t>(l4.size());
  Bytes header;
  ChecksumSum pseudo = 0;
  if (source.is_v4()) {
    Ipv4Header ip{.total_length = Be16{static_cast<std::uint16_t>(20 + length)}, .protocol = protocol};
    std::copy_n(source.bytes.begin(), 4, ip.source.begin());
    std::copy_n(destination.bytes.begin(), 4, ip.destination.begin());
    header.resize(20);
    store_wire(header.data(), ip);
    ip.checksum = internet_checksum(header);
    store_wire(header.data(), ip);
    if (protocol != IpProtocol::icmp) pseudo = pseudo_header_sum(ip.source, ip.destination, protocol, length);
  } else {
    const Ipv6Header ip{.payload_length = Be16{static_cast<std::uint16_t>(length)},
                        .next_header = protocol,
                        .source = source.bytes,
                        .destination = destination.bytes};
    header.resize(40);
    store_wire(header.data(), ip);
    pseudo = pseudo_header_sum(ip.source, ip.destination, protocol, length);
  }
  store_wire(&l4[checksum_at], Be16{});
  store_wire(&l4[checksum_at], finish_udp_checksum(add_to_checksum(pseudo, l4)));
  header.insert(header.end(), l4.begin(), l4.end());
  return header;
}

Bytes echo_request(const IpAddress& source, const IpAddress& destination, std::size_t data_bytes) {
  Bytes l4(8 + data_bytes, 0x5a);
  l4[0] = source.is_v4() ? 8 : 128;
  l4[1] = 0;
  return ip_packet(source, destination, source.is_v4() ? IpProtocol::icmp : IpProtocol::icmpv6, l4);
}

Bytes udp(const IpAddress& source, const IpAddress& destination, std::uint16_t from, std::uint16_t to,
          const Bytes& data) {
  Bytes l4(udp_header_bytes);
  store_wire(l4.data(), UdpHeader{Be16{from}, Be16{to}, Be16{static_cast<std::uint16_t>(8 + data.size())}, {}});
  l4.insert(l4.end(), data.begin(), data.end());
  return ip_packet(source, destination, IpProtocol::udp, l4);
}

Bytes tcp_syn(const IpAddress& source, const IpAddress& destination, std::uint16_t from, std::uint16_t to) {
  Bytes l4(20);
  store_wire(l4.data(), Be16{from});
  store_wire(l4.data() + 2, Be16{to});
  l4[12] = 0x50;
  l4[13] = 0x02;
  return ip_packet(source, destination, IpProtocol::tcp, l4);
}

LabGateway::LabGateway(const std::vector<config::HostService>& wan_host_services) {
  config::Port outside;
  outside.name = "wan";
  outside.device = "net_null0";
  outside.role = config::PortRole::underlay;
  outside.addresses = {prefix("192.0.2.1/24"), prefix("2001:db8::1/64")};
  outside.gateway = {address("192.0.2.254"), address("2001:db8::fe")};
  outside.host = wan_host_services;
  config::Port inside;
  inside.name = "lan";
  inside.device = "net_null1";
  inside.addresses = {prefix("10.0.0.1/24"), prefix("fd00::1/64")};
  const std::vector<config::Port> both{outside, inside};
  auto table = PortTable::build(both);
  SP_CHECK(table.has_value());
  ports = std::move(*table);
  ports->set_device_mac(0, wan_mac.bytes);
  ports->set_device_mac(1, lan_mac.bytes);

  BufferPlan plan;
  plan.packets = 4096;
  plan.packet_room_bytes = 2048 + 128;
  plan.private_bytes = sizeof(PacketMeta);
  auto made = MbufPools::create(plan, "hk-lab");
  SP_CHECK(made.has_value());
  pools = std::move(*made);

  const std::size_t rcu_bytes = rte_rcu_qsbr_get_memsize(1);
  rcu = rte_zmalloc("hk-rcu", rcu_bytes, RTE_CACHE_LINE_SIZE);
  SP_CHECK(rcu != nullptr);
  SP_CHECK(rte_rcu_qsbr_init(static_cast<rte_rcu_qsbr*>(rcu), 1) == 0);
  auto route_table = RouteTable::create({.max_hosts = 1024, .max_prefixes = 256}, static_cast<rte_rcu_qsbr*>(rcu), "hk",
                                        SOCKET_ID_ANY);
  SP_CHECK(route_table.has_value());
  routes = std::move(*route_table);
  for (const char* connected : {"10.0.0.0/24", "fd00::/64"})
    SP_CHECK(routes->set(prefix(connected), {.kind = NextHopKind::connected, .port_index = lan}) == RouteError::none);
  neighbours = std::make_unique<NeighbourTable>(
      NeighbourLimits{.max_neighbours = 64, .max_held_per_neighbour = 4, .max_held = 64}, NeighbourTimers{}, 1);
  open_sessions = std::vector<OpenSession>(16);
  seal_sessions = std::vector<SealSession>(16);
  peers = std::vector<Peer>(16);
  const FlowLimits flow_limits{.max_flows = 64, .workers = 1, .max_identities = 16 + inside_flow_identities};
  flow_entries = std::vector<FlowEntry>(flow_limits.entries());
  flow_buckets = std::vector<FlowBucket>(flow_limits.buckets());
  identity_flows = std::vector<std::atomic<std::uint32_t>>(flow_limits.max_identities);
  rate_slots = std::vector<RateSlot>(16);
  policy = std::make_unique<PolicyTable>(static_cast<rte_rcu_qsbr*>(rcu));
  flows = std::make_unique<FlowTable>(
      flow_limits, FlowTable::Memory{flow_entries.data(), flow_buckets.data(), identity_flows.data()},
      static_cast<rte_rcu_qsbr*>(rcu), std::array<std::uint64_t, 4>{1, 2, 3, 4});
  rates = std::make_unique<RateLimiter>(rate_slots.data(), 16, 1'000'000'000);
  peers[peer_in_tunnel].tunnel_id.store(tunnel_id);
  peers[peer_in_tunnel].live.store(1);
  const std::array<std::uint8_t, 32> secret{1};
  const PublicKey key{9};
  auto tunnel = std::unique_ptr<Tunnel>(new Tunnel{
      .tunnel_id = tunnel_id,
      .listen_port = listen_port,
      .mtu = 1420,
      .mss_clamp = true,
      .udp_checksum = true,
      .protocol = abi::TunnelProtocol::wireguard,
      .overhead_bytes = 32,
      .address_count = 2,
      .addresses = {prefix("10.8.0.1/16"), prefix("fd08::1/64")},
      .wireguard = {.public_key = key, .mac1 = Mac1Checker(key), .cookies = CookieChecker(key, secret, std::nullopt)}});
  static_cast<void>(tunnels.replace(tunnel_id, std::move(tunnel)));

  block = std::make_unique<abi::CounterBlock>();
  counters = std::make_unique<Counters>(block.get());
  clock.emplace(1'000'000'000, 1, 1);
  socket_path = "/tmp/sallyport-housekeeping-test-" + std::to_string(getpid()) + ".sock";
  auto segment = abi::Segment::create("hk-statistics", 4096, abi::Segment::OtherSide::reads_only);
  SP_CHECK(segment.has_value());
  statistics = std::move(*segment);
  const abi::Hello hello{.magic = abi::hello_magic,
                         .version = abi::version,
                         .worker_count = 1,
                         .max_peers = 16,
                         .max_sessions = 16,
                         .boot_id = 1,
                         .layout = abi::layout};
  auto listening = ControlLink::listen({.socket_path = socket_path, .hello = hello, .statistics = &statistics});
  SP_CHECK(listening.has_value());
  link = std::move(*listening);

  rings.resize(1);
  rings[0].from_housekeeping = PacketRing::create("hk-to-worker", 4096);
  SP_CHECK(rings[0].from_housekeeping != nullptr);
  tables.reset(new Tables{.ports = *ports,
                          .devices = devices,
                          .pools = *pools,
                          .routes = *routes,
                          .neighbours = *neighbours,
                          .sessions = SessionTable(open_sessions.data(), seal_sessions.data(), 16),
                          .peers = PeerTable(peers.data(), 16),
                          .tunnels = tunnels,
                          .policy = *policy,
                          .flows = *flows,
                          .rates = *rates,
                          .capture = capture_filter,
                          .rcu = static_cast<rte_rcu_qsbr*>(rcu),
                          .tsc_hz = 1'000'000'000});
  context.emplace(HousekeepingContext{*tables, *counters, *clock, *link, rings, {0, 0}, 1000 * second_ns, 0});
}

LabGateway::~LabGateway() {
  context.reset();
  tables.reset();
  rings.clear();
  policy.reset();
  flows.reset();
  link.reset();
  neighbours.reset();
  routes.reset();
  pools.reset();
  rte_free(rcu);
}

Packet* LabGateway::received(std::uint8_t port, const Bytes& frame, Task task) {
  Packet* packet = rte_pktmbuf_alloc(&pools->packets());
  SP_CHECK(packet != nullptr);
  std::memcpy(rte_pktmbuf_append(packet, static_cast<std::uint16_t>(frame.size())), frame.data(), frame.size());
  reset_meta(packet, port);
  meta_of(packet).task = task;
  if (frame.size() > ethernet_header_bytes)
    if (parse_ip(bytes_of(packet).subspan(ethernet_header_bytes), meta_of(packet).ip, parse_allow_unspecified_source) !=
        IpParseError::none)
      meta_of(packet).ip = {};
  ++received_;
  return packet;
}

Packet* LabGateway::inner(const Bytes& bytes, Task task, std::uint32_t source_peer, std::uint8_t rx_port) {
  Packet* packet = rte_pktmbuf_alloc(&pools->packets());
  SP_CHECK(packet != nullptr);
  std::memcpy(rte_pktmbuf_append(packet, static_cast<std::uint16_t>(bytes.size())), bytes.data(), bytes.size());
  reset_meta(packet, rx_port);
  PacketMeta& meta = meta_of(packet);
  meta.task = task;
  meta.source_peer = source_peer;
  SP_CHECK(parse_ip(bytes_of(packet), meta.ip) == IpParseError::none);
  ++received_;
  return packet;
}

std::vector<Sent> LabGateway::sent() {
  std::vector<Sent> all;
  Packet* packet = nullptr;
  while (rings[0].from_housekeeping->pop(&packet, 1) == 1) {
    const PacketMeta& meta = meta_of(packet);
    SP_CHECK(packet->data_len == packet->pkt_len && packet->nb_segs == 1);
    all.push_back({meta.task, meta.tx_port, meta, {bytes_of(packet).begin(), bytes_of(packet).end()}});
    rte_pktmbuf_free(packet);
    ++sent_;
  }
  return all;
}

std::uint64_t LabGateway::counter(Counter which) const {
  std::uint64_t sum = 0;
  for (const auto& port : block->values) sum += port[abi::index_of(which)].load();
  return sum;
}

std::uint64_t LabGateway::dropped(DropReason which) const {
  std::uint64_t sum = 0;
  for (const auto& port : block->values) sum += port[abi::index_of(which)].load();
  return sum;
}

std::uint64_t LabGateway::packets_in() const {
  return received_ + counter(Counter::originated);
}

std::uint64_t LabGateway::packets_out() const {
  std::uint64_t out = sent_ + counter(Counter::punted) + counter(Counter::consumed);
  for (unsigned reason = 0; reason < abi::drop_reason_count; ++reason) out += dropped(static_cast<DropReason>(reason));
  return out;
}

}  // namespace sallyport::dataplane
