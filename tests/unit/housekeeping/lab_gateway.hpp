// A gateway of two ports and one tunnel without workers: tables, rings, and the accounting of every packet that goes in
// and out. For tests and fuzz targets, after rte_eal_init.
//
//   wan  underlay  192.0.2.1/24, 2001:db8::1/64, gateways .254 and ::fe     MAC 02:00:00:00:00:01
//   lan  inside    10.0.0.1/24, fd00::1/64                                  MAC 02:00:00:00:00:02
//   tunnel 3, port 51820, 10.8.0.1/16 and fd08::1/64; peer 7 is in it
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "dataplane/abi/statistics.hpp"
#include "dataplane/housekeeping/housekeeping_context.hpp"

namespace sallyport::dataplane {

inline constexpr std::uint8_t wan = 0;
inline constexpr std::uint8_t lan = 1;
inline constexpr std::uint32_t peer_in_tunnel = 7;
inline constexpr std::uint16_t tunnel_id = 3;
inline constexpr std::uint16_t listen_port = 51820;
inline constexpr MacAddress wan_mac{{2, 0, 0, 0, 0, 1}};
inline constexpr MacAddress lan_mac{{2, 0, 0, 0, 0, 2}};
inline constexpr MacAddress other_mac{{2, 0, 0, 0, 0, 0x99}};

using Bytes = std::vector<std::uint8_t>;

inline IpAddress address(const char* text) {
  return *IpAddress::parse(text);
}
inline IpPrefix prefix(const char* text) {
  return *IpPrefix::parse(text);
}

// --- packets ---

[[nodiscard]] Bytes ethernet(const MacAddress& destination, const MacAddress& source, EtherType type,
                             const Bytes& payload);
// An IP packet with right checksums, the L4 one included.
[[nodiscard]] Bytes ip_packet(const IpAddress& source, const IpAddress& destination, IpProtocol protocol, Bytes l4);
[[nodiscard]] Bytes echo_request(const IpAddress& source, const IpAddress& destination, std::size_t data_bytes = 56);
[[nodiscard]] Bytes udp(const IpAddress& source, const IpAddress& destination, std::uint16_t from, std::uint16_t to,
                        const Bytes& data);
[[nodiscard]] Bytes tcp_syn(const IpAddress& source, const IpAddress& destination, std::uint16_t from,
                            std::uint16_t to);

// What a worker would find in its ring.
struct Sent {
  Task task;
  std::uint8_t tx_port;
  PacketMeta meta;
  Bytes bytes;

  [[nodiscard]] EthernetHeader link() const { return load_wire<EthernetHeader>(bytes.data()); }
  [[nodiscard]] Bytes payload() const { return {bytes.begin() + ethernet_header_bytes, bytes.end()}; }
};

class LabGateway {
 public:
  explicit LabGateway(const std::vector<config::HostService>& wan_host_services = {});
  ~LabGateway();
  LabGateway(const LabGateway&) = delete;
  LabGateway& operator=(const LabGateway&) = delete;

  // A frame that `port` received, as classify hands it over.
  [[nodiscard]] Packet* received(std::uint8_t port, const Bytes& frame, Task task = Task::own_address);
  // A parsed inner packet; from a peer, or plain through `rx_port`.
  [[nodiscard]] Packet* inner(const Bytes& packet, Task task, std::uint32_t source_peer, std::uint8_t rx_port = wan);

  // Everything that housekeeping sent since the last call.
  [[nodiscard]] std::vector<Sent> sent();
  [[nodiscard]] std::uint64_t counter(Counter counter) const;
  [[nodiscard]] std::uint64_t dropped(DropReason reason) const;
  void advance(std::uint64_t nanoseconds) { context->now_ns += nanoseconds; }

  // received + originated, and sent + punted + consumed + dropped: equal but for what is held.
  [[nodiscard]] std::uint64_t packets_in() const;
  [[nodiscard]] std::uint64_t packets_out() const;

  std::optional<PortTable> ports;
  std::vector<std::unique_ptr<Device>> devices;
  std::optional<MbufPools> pools;
  std::unique_ptr<RouteTable> routes;
  std::unique_ptr<NeighbourTable> neighbours;
  std::vector<OpenSession> open_sessions;
  std::vector<SealSession> seal_sessions;
  std::vector<Peer> peers;
  TunnelTable tunnels;
  std::vector<FlowEntry> flow_entries;
  std::vector<FlowBucket> flow_buckets;
  std::vector<std::atomic<std::uint32_t>> identity_flows;
  std::vector<RateSlot> rate_slots;
  std::unique_ptr<PolicyTable> policy;
  std::unique_ptr<FlowTable> flows;
  std::unique_ptr<RateLimiter> rates;
  CaptureFilter capture_filter;
  void* rcu = nullptr;
  std::unique_ptr<abi::CounterBlock> block;
  std::unique_ptr<Counters> counters;
  std::optional<TscClock> clock;
  std::unique_ptr<ControlLink> link;
  abi::Segment statistics;
  std::vector<WorkerRings> rings;
  std::unique_ptr<Tables> tables;
  std::optional<HousekeepingContext> context;
  std::string socket_path;
  abi::StatisticsHeader header{};

 private:
  std::uint64_t received_ = 0;
  std::uint64_t sent_ = 0;
};

}  // namespace sallyport::dataplane
