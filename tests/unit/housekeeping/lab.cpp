#include "tests/unit/housekeeping/lab.hpp"

#include <rte_malloc.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "dataplane/packet/icmp.hpp"
#include "dataplane/packet/icmp6.hpp"
#include "dataplane/packet/udp.hpp"

namespace sallyport::dataplane {

Bytes ethernet(const MacAddress& destination, const MacAddress& source, EtherType type, const Bytes& payload) {
  Bytes frame(ethernet_header_bytes);
  store_wire(frame.data(), EthernetHeader{destination, source, Be16{static_cast<std::uint16_t>(type)}});
  frame.insert(frame.end(), payload.begin(), payload.end());
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

FakeControlPlane::FakeControlPlane(const std::string& socket_path)
    : socket_(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, socket_path.c_str(), socket_path.size() + 1);
  EXPECT_EQ(::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name), 0);
}

void FakeControlPlane::adopt() {
  auto hello = abi::receive_hello(socket_.get());
  ASSERT_TRUE(hello) << hello.error();
  const auto map = [&](abi::HelloDescriptor which, std::size_t bytes) {
    auto segment = abi::Segment::map(std::move(hello->descriptors[static_cast<std::size_t>(which)]), bytes, true);
    EXPECT_TRUE(segment) << segment.error();
    segments_.push_back(std::move(*segment));
    return segments_.back().data();
  };
  using Which = abi::HelloDescriptor;
  unproven = abi::RingConsumer(static_cast<abi::PacketUpRing*>(map(Which::packets_up, sizeof(abi::PacketUpRing))));
  proven = abi::RingConsumer(static_cast<abi::PacketUpRing*>(map(Which::packets_up_proven, sizeof(abi::PacketUpRing))));
  capture = abi::RingConsumer(static_cast<abi::CaptureRing*>(map(Which::capture, sizeof(abi::CaptureRing))));
  down = abi::RingProducer(static_cast<abi::PacketDownRing*>(map(Which::packets_down, sizeof(abi::PacketDownRing))));
}

void Lab::SetUp() {
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
  ASSERT_TRUE(table) << table.error();
  ports = std::move(*table);
  ports->set_device_mac(0, wan_mac.bytes);
  ports->set_device_mac(1, lan_mac.bytes);

  BufferPlan plan;
  plan.packets = 4096;
  plan.packet_room_bytes = 2048 + 128;
  plan.private_bytes = sizeof(PacketMeta);
  auto made = MbufPools::create(plan, "hk-lab");
  ASSERT_TRUE(made) << made.error();
  pools = std::move(*made);

  const std::size_t rcu_bytes = rte_rcu_qsbr_get_memsize(1);
  rcu = rte_zmalloc("hk-rcu", rcu_bytes, RTE_CACHE_LINE_SIZE);
  ASSERT_NE(rcu, nullptr);
  ASSERT_EQ(rte_rcu_qsbr_init(static_cast<rte_rcu_qsbr*>(rcu), 1), 0);
  auto route_table = RouteTable::create({.max_hosts = 1024, .max_prefixes = 256}, static_cast<rte_rcu_qsbr*>(rcu), "hk",
                                        SOCKET_ID_ANY);
  ASSERT_TRUE(route_table) << route_table.error();
  routes = std::move(*route_table);
  for (const char* connected : {"10.0.0.0/24", "fd00::/64"})
    ASSERT_EQ(
        routes->set(prefix(connected), {.kind = NextHopKind::connected, .port_index = lan, .destination_class = 5}),
        RouteError::none);
  neighbours = std::make_unique<NeighbourTable>(
      NeighbourLimits{.max_neighbours = 64, .max_held_per_neighbour = 4, .max_held = 64}, NeighbourTimers{}, 1);
  open_sessions = std::vector<OpenSession>(16);
  seal_sessions = std::vector<SealSession>(16);
  peers = std::vector<Peer>(16);
  verdicts = std::vector<std::atomic<std::uint64_t>>(4);
  peers[peer_in_tunnel].tunnel_id.store(tunnel_id);
  peers[peer_in_tunnel].live.store(1);
  const std::array<std::uint8_t, 32> secret{1};
  const PublicKey key{9};
  auto tunnel = std::unique_ptr<Tunnel>(new Tunnel{.tunnel_id = tunnel_id,
                                                   .listen_port = listen_port,
                                                   .mtu = 1420,
                                                   .mss_clamp = true,
                                                   .address_count = 2,
                                                   .addresses = {prefix("10.8.0.1/16"), prefix("fd08::1/64")},
                                                   .public_key = key,
                                                   .mac1 = Mac1Checker(key),
                                                   .cookies = CookieChecker(key, secret, std::nullopt)});
  static_cast<void>(tunnels.replace(tunnel_id, std::move(tunnel)));

  block = std::make_unique<abi::CounterBlock>();
  counters = std::make_unique<Counters>(block.get());
  clock.emplace(1'000'000'000, 1, 1);
  socket_path = "/tmp/sallyport-housekeeping-test-" + std::to_string(getpid()) + ".sock";
  auto segment = abi::Segment::create("hk-statistics", 4096, abi::Segment::OtherSide::reads_only);
  ASSERT_TRUE(segment) << segment.error();
  statistics = std::move(*segment);
  const abi::Hello hello{.magic = abi::hello_magic,
                         .version = abi::version,
                         .worker_count = 1,
                         .max_peers = 16,
                         .max_sessions = 16,
                         .boot_id = 1};
  auto listening = ControlLink::listen({.socket_path = socket_path, .hello = hello, .statistics = &statistics});
  ASSERT_TRUE(listening) << listening.error();
  link = std::move(*listening);

  rings.resize(1);
  rings[0].from_housekeeping = PacketRing::create("hk-to-worker", 4096);
  ASSERT_NE(rings[0].from_housekeeping, nullptr);
  tables.reset(new Tables{.ports = *ports,
                          .devices = devices,
                          .pools = *pools,
                          .routes = *routes,
                          .neighbours = *neighbours,
                          .sessions = SessionTable(open_sessions.data(), seal_sessions.data(), 16),
                          .peers = PeerTable(peers.data(), 16),
                          .tunnels = tunnels,
                          .verdicts = VerdictTable(verdicts.data(), 4),
                          .capture = capture_filter,
                          .rcu = static_cast<rte_rcu_qsbr*>(rcu),
                          .tsc_hz = 1'000'000'000});
  context.emplace(HousekeepingContext{*tables, *counters, *clock, *link, rings, {0, 0}, 1000 * second_ns, 0});
}

void Lab::TearDown() {
  static_cast<void>(sent());
  const std::uint64_t in = received_ + counter(Counter::originated);
  std::uint64_t out = sent_ + counter(Counter::punted) + counter(Counter::consumed) + held_at_end;
  for (unsigned reason = 0; reason < abi::drop_reason_count; ++reason) out += dropped(static_cast<DropReason>(reason));
  EXPECT_EQ(in, out) << "received + originated = sent + punted + consumed + dropped + held";
  EXPECT_EQ(pools->in_use(), held_at_end) << "every buffer is back in its pool";
  control_plane.reset();
  context.reset();
  tables.reset();
  rings.clear();
  link.reset();
  neighbours.reset();
  routes.reset();
  pools.reset();
  rte_free(rcu);
}

void Lab::connect() {
  control_plane = std::make_unique<FakeControlPlane>(socket_path);
  ASSERT_TRUE(link->poll());
  control_plane->adopt();
}

void Lab::disconnect() {
  control_plane.reset();
  static_cast<void>(link->poll());
  ASSERT_FALSE(link->connected());
}

Packet* Lab::received(std::uint8_t port, const Bytes& frame, Task task) {
  Packet* packet = rte_pktmbuf_alloc(&pools->packets());
  EXPECT_NE(packet, nullptr);
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

Packet* Lab::inner(const Bytes& bytes, Task task, std::uint32_t source_peer, std::uint8_t rx_port) {
  Packet* packet = rte_pktmbuf_alloc(&pools->packets());
  EXPECT_NE(packet, nullptr);
  std::memcpy(rte_pktmbuf_append(packet, static_cast<std::uint16_t>(bytes.size())), bytes.data(), bytes.size());
  reset_meta(packet, rx_port);
  PacketMeta& meta = meta_of(packet);
  meta.task = task;
  meta.source_peer = source_peer;
  EXPECT_EQ(parse_ip(bytes_of(packet), meta.ip), IpParseError::none);
  ++received_;
  return packet;
}

std::vector<Sent> Lab::sent() {
  std::vector<Sent> all;
  Packet* packet = nullptr;
  while (rings[0].from_housekeeping->pop(&packet, 1) == 1) {
    const PacketMeta& meta = meta_of(packet);
    EXPECT_EQ(packet->data_len, packet->pkt_len);
    all.push_back({meta.task, meta.tx_port, meta, {bytes_of(packet).begin(), bytes_of(packet).end()}});
    rte_pktmbuf_free(packet);
    ++sent_;
  }
  return all;
}

Sent Lab::only_sent() {
  auto all = sent();
  EXPECT_EQ(all.size(), 1U);
  if (all.empty()) return {Task::none, no_port, {}, Bytes(64)};
  return all.front();
}

std::uint64_t Lab::counter(Counter which) const {
  std::uint64_t sum = 0;
  for (const auto& port : block->values) sum += port[abi::index_of(which)].load();
  return sum;
}

std::uint64_t Lab::dropped(DropReason which) const {
  std::uint64_t sum = 0;
  for (const auto& port : block->values) sum += port[abi::index_of(which)].load();
  return sum;
}

}  // namespace sallyport::dataplane
