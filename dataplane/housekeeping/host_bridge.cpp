#include "dataplane/housekeeping/host_bridge.hpp"

#include <algorithm>
#include <cstring>

#include "dataplane/housekeeping/port_addresses.hpp"
#include "dataplane/packet/arp.hpp"
#include "dataplane/packet/icmp6.hpp"
#include "dataplane/packet/neighbour_discovery.hpp"
#include "dataplane/pipeline/link_header.hpp"

namespace sallyport::dataplane {
namespace {

// What admission asks about a transport header.
struct Transport {
  std::uint8_t protocol = 0;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint8_t tcp_flags = 0;
};

constexpr std::size_t tcp_flags_offset = 13;

// False: neither TCP nor UDP, a fragment, or cut off.
bool read_transport(std::span<const std::uint8_t> packet, const ParsedIp& ip, Transport& out) noexcept {
  const bool is_tcp = ip.l4_protocol == IpProtocol::tcp;
  if ((!is_tcp && ip.l4_protocol != IpProtocol::udp) || ip.is_fragment) return false;
  if (ip.l4_bytes() < (is_tcp ? 20U : 8U)) return false;
  const std::uint8_t* l4 = packet.data() + ip.l4_offset;
  out = {.protocol = static_cast<std::uint8_t>(ip.l4_protocol),
         .source_port = load_wire<Be16>(l4).host(),
         .destination_port = load_wire<Be16>(l4 + 2).host(),
         .tcp_flags = is_tcp ? l4[tcp_flags_offset] : std::uint8_t{0}};
  return true;
}

bool arp_may_leave(const LogicalPort& port, std::span<const std::uint8_t> payload) noexcept {
  ArpMessage message;
  return parse_arp(payload, message) == ArpError::none && message.sender_mac == mac_of(port) &&
         owns_address(port, message.sender);
}

bool neighbour_discovery_may_leave(const LogicalPort& port, std::span<const std::uint8_t> packet,
                                   const ParsedIp& ip) noexcept {
  NeighbourMessage message;
  if (parse_neighbour_discovery(packet, ip, message) != NeighbourDiscoveryError::none) return false;
  if (message.has_link_layer_address && message.link_layer_address != mac_of(port)) return false;
  return message.type == Icmp6Type::neighbour_solicitation || owns_address(port, message.target);
}

}  // namespace

bool may_leave(const LogicalPort& port, const HostInterface& interface, std::span<const std::uint8_t> frame) noexcept {
  if (frame.size() < ethernet_header_bytes) return false;
  const auto header = load_wire<EthernetHeader>(frame.data());
  if (header.source != mac_of(port)) return false;
  const auto payload = frame.subspan(ethernet_header_bytes);
  const auto type = static_cast<EtherType>(header.type.host());
  if (type == EtherType::arp) return arp_may_leave(port, payload);
  ParsedIp ip;
  if (type != EtherType::ipv4 && type != EtherType::ipv6) return false;
  if (parse_ip(payload, ip, parse_allow_unspecified_source) != IpParseError::none ||
      ip.is_v4() != (type == EtherType::ipv4))
    return false;
  const IpAddress source = source_address(payload, ip);
  // Unspecified: a DHCP client's first words.
  const bool is_dhcp = source.is_v4() && source.is_unspecified();
  if (!is_dhcp && !owns_address(port, source)) return false;
  if (!ip.is_v4() && ip.l4_protocol == IpProtocol::icmpv6) return neighbour_discovery_may_leave(port, payload, ip);
  Transport transport;
  return read_transport(payload, ip, transport) &&
         interface.admits_outbound(transport.protocol, transport.destination_port, transport.source_port,
                                   transport.tcp_flags);
}

tl::expected<void, std::string> HostBridge::open() {
  std::size_t longest = 0;
  for (const LogicalPort& port : context_.tables.ports.ports()) {
    if (port.host.empty()) continue;
    auto interface = HostInterface::open(port);
    if (!interface) return tl::unexpected(interface.error());
    longest = std::max(longest, interface->max_frame_bytes());
    bridges_.push_back({port.index, std::move(*interface)});
  }
  buffer_.resize(longest);
  return {};
}

HostInterface* HostBridge::find(std::uint8_t port_index) noexcept {
  for (Bridge& bridge : bridges_)
    if (bridge.port_index == port_index) return &bridge.interface;
  return nullptr;
}

void HostBridge::deliver(Packet* frame) noexcept {
  const PacketMeta& meta = meta_of(frame);
  HostInterface* interface = find(meta.rx_port);
  Transport transport;
  const bool admitted = interface != nullptr &&
                        read_transport(bytes_of(frame).subspan(ethernet_header_bytes), meta.ip, transport) &&
                        interface->admits_inbound(transport.protocol, transport.destination_port, transport.source_port,
                                                  transport.tcp_flags);
  if (!admitted) return context_.counters.drop(frame, DropReason::no_listener);
  const auto whole = bytes_of(frame).first(ethernet_header_bytes + meta.ip.total_bytes);  // without padding
  switch (interface->write_frame(whole, context_.now_ns)) {
    case HostWrite::written:
      return context_.counters.finish(frame, Counter::punted);
    case HostWrite::rate_limited:
    case HostWrite::refused:
      return context_.counters.drop(frame, DropReason::host_interface_rate);
  }
}

void HostBridge::copy(const Packet* frame) noexcept {
  if (HostInterface* interface = find(meta_of(frame).rx_port))
    static_cast<void>(
        interface->write_frame({rte_pktmbuf_mtod(frame, const std::uint8_t*), frame->data_len}, context_.now_ns));
}

void HostBridge::poll() noexcept {
  for (Bridge& bridge : bridges_) {
    for (unsigned i = 0; i < most_frames_per_poll; ++i) {
      const std::size_t length = bridge.interface.read_frame(buffer_, context_.now_ns);
      if (length == 0) break;
      send_from_kernel(bridge, std::span(buffer_).first(length));
    }
  }
}

void HostBridge::send_from_kernel(const Bridge& bridge, std::span<const std::uint8_t> frame) noexcept {
  Packet* packet = context_.allocate(static_cast<std::uint32_t>(frame.size()));
  if (packet == nullptr) return;
  reset_meta(packet, abi::no_port);
  std::memcpy(rte_pktmbuf_mtod(packet, std::uint8_t*), frame.data(), frame.size());
  context_.count_originated(packet);
  if (!may_leave(context_.tables.ports.port(bridge.port_index), bridge.interface, frame))
    return context_.counters.drop(packet, DropReason::host_interface_refused);
  context_.transmit(packet, bridge.port_index);
}

std::vector<int> HostBridge::descriptors() const {
  std::vector<int> all;
  for (const Bridge& bridge : bridges_) all.push_back(bridge.interface.descriptor());
  return all;
}

}  // namespace sallyport::dataplane
