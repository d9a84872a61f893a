#include "dataplane/packet/neighbour_discovery.hpp"

#include <algorithm>

namespace sallyport::dataplane {
namespace {

struct NeighbourWire {
  Icmp6Header icmp;  // body: the flags of an advertisement
  Ipv6Bytes target{};
};
static_assert(sizeof(NeighbourWire) == 24 && WireStruct<NeighbourWire>);

struct LinkLayerOption {
  std::uint8_t type = 0;
  std::uint8_t length_8_bytes = 1;
  MacAddress mac;
};
static_assert(sizeof(LinkLayerOption) == 8 && WireStruct<LinkLayerOption>);

constexpr std::uint8_t source_link_layer_address = 1;
constexpr std::uint8_t target_link_layer_address = 2;
constexpr std::uint32_t flag_router = 0x80000000;
constexpr std::uint32_t flag_solicited = 0x40000000;
constexpr std::uint32_t flag_override = 0x20000000;
constexpr std::uint8_t neighbour_hop_limit = 255;

// The last option of the wanted type counts; others are skipped (RFC 4861 section 4.6).
bool take_options(std::span<const std::uint8_t> options, std::uint8_t wanted, NeighbourMessage& out) noexcept {
  while (!options.empty()) {
    if (options.size() < 2 || options[1] == 0) return false;
    const std::size_t bytes = options[1] * std::size_t{8};
    if (bytes > options.size()) return false;
    if (options[0] == wanted) {
      const auto option = load_wire<LinkLayerOption>(options.data());
      if (option.length_8_bytes != 1 || !option.mac.is_unicast()) return false;
      out.has_link_layer_address = true;
      out.link_layer_address = option.mac;
    }
    options = options.subspan(bytes);
  }
  return true;
}

NeighbourDiscoveryError check_solicitation(const NeighbourMessage& message) noexcept {
  if (!message.is_duplicate_address_detection()) return NeighbourDiscoveryError::none;
  const bool to_node_group = message.destination.bytes == solicited_node_multicast(message.target.bytes);
  return to_node_group && !message.has_link_layer_address ? NeighbourDiscoveryError::none
                                                          : NeighbourDiscoveryError::bad_detection;
}

NeighbourDiscoveryError check_advertisement(const NeighbourMessage& message) noexcept {
  if (message.destination.is_multicast() && message.solicited) return NeighbourDiscoveryError::bad_solicited;
  return NeighbourDiscoveryError::none;
}

struct Envelope {
  MacAddress destination_mac;
  IpAddress source;
  Ipv6Bytes destination{};
};

std::size_t write_neighbour_frame(std::span<std::uint8_t> out, const MacAddress& our_mac, const Envelope& envelope,
                                  NeighbourWire message, const IpAddress& target, std::uint8_t option_type) noexcept {
  if (out.size() < neighbour_frame_bytes || !envelope.source.is_v6() || !target.is_v6()) return 0;
  constexpr std::size_t payload = sizeof(NeighbourWire) + sizeof(LinkLayerOption);
  std::uint8_t* const ip_at = out.data() + ethernet_header_bytes;
  std::uint8_t* const icmp_at = ip_at + ipv6_header_bytes;
  store_wire(out.data(), EthernetHeader{.destination = envelope.destination_mac,
                                        .source = our_mac,
                                        .type = Be16{static_cast<std::uint16_t>(EtherType::ipv6)}});
  const Ipv6Header ip{.payload_length = Be16{payload},
                      .next_header = IpProtocol::icmpv6,
                      .hop_limit = neighbour_hop_limit,
                      .source = envelope.source.bytes,
                      .destination = envelope.destination};
  store_wire(ip_at, ip);
  message.target = target.bytes;
  message.icmp.checksum = Be16{0};
  store_wire(icmp_at, message);
  store_wire(icmp_at + sizeof(NeighbourWire), LinkLayerOption{.type = option_type, .mac = our_mac});
  const ChecksumSum pseudo = pseudo_header_sum(ip.source, ip.destination, IpProtocol::icmpv6, payload);
  message.icmp.checksum = finish_checksum(add_to_checksum(pseudo, {icmp_at, payload}));
  store_wire(icmp_at, message);
  return neighbour_frame_bytes;
}

}  // namespace

NeighbourDiscoveryError parse_neighbour_discovery(std::span<const std::uint8_t> packet, const ParsedIp& ip,
                                                  NeighbourMessage& out) noexcept {
  using enum NeighbourDiscoveryError;
  if (ip.is_v4() || ip.l4_protocol != IpProtocol::icmpv6 || !ip.first_fragment || ip.l4_bytes() == 0) return not_for_us;
  const auto type = static_cast<Icmp6Type>(packet[ip.l4_offset]);
  if (type != Icmp6Type::neighbour_solicitation && type != Icmp6Type::neighbour_advertisement) return not_for_us;
  if (ip.ttl != neighbour_hop_limit) return bad_hop_limit;
  if (ip.fragment_header_offset != 0) return fragmented;
  if (ip.l4_bytes() < sizeof(NeighbourWire)) return truncated;
  if (!l4_checksum_holds(packet, ip)) return bad_checksum;
  const auto wire = load_wire<NeighbourWire>(packet.data() + ip.l4_offset);
  if (wire.icmp.code != 0) return bad_code;

  const bool is_solicitation = type == Icmp6Type::neighbour_solicitation;
  const std::uint32_t flags = is_solicitation ? 0 : wire.icmp.body.host();
  out = {.type = type,
         .source = source_address(packet, ip),
         .destination = destination_address(packet, ip),
         .target = IpAddress::v6_from_bytes(wire.target.data()),
         .router = (flags & flag_router) != 0,
         .solicited = (flags & flag_solicited) != 0,
         .override_entry = (flags & flag_override) != 0};
  if (out.target.is_multicast() || out.target.is_unspecified() || out.target.is_loopback()) return bad_target;
  const auto options = packet.subspan(ip.l4_offset, ip.l4_bytes()).subspan(sizeof(NeighbourWire));
  if (!take_options(options, is_solicitation ? source_link_layer_address : target_link_layer_address, out))
    return bad_option;
  return is_solicitation ? check_solicitation(out) : check_advertisement(out);
}

std::size_t build_neighbour_solicitation(std::span<std::uint8_t> out, const MacAddress& our_mac,
                                         const IpAddress& our_address, const IpAddress& target,
                                         const MacAddress* known_mac) noexcept {
  const Ipv6Bytes group = solicited_node_multicast(target.bytes);
  const Envelope envelope{.destination_mac = known_mac != nullptr ? *known_mac : ipv6_multicast_mac(group),
                          .source = our_address,
                          .destination = known_mac != nullptr ? target.bytes : group};
  return write_neighbour_frame(out, our_mac, envelope, {.icmp = {.type = Icmp6Type::neighbour_solicitation}}, target,
                               source_link_layer_address);
}

std::size_t build_neighbour_advertisement(std::span<std::uint8_t> out, const MacAddress& our_mac,
                                          const NeighbourMessage& request, const MacAddress& request_mac) noexcept {
  const bool to_all = request.is_duplicate_address_detection();
  const MacAddress asker = request.has_link_layer_address ? request.link_layer_address : request_mac;
  const Envelope envelope{.destination_mac = to_all ? ipv6_multicast_mac(ipv6_all_nodes) : asker,
                          .source = request.target,
                          .destination = to_all ? ipv6_all_nodes : request.source.bytes};
  const std::uint32_t flags = flag_router | flag_override | (to_all ? 0 : flag_solicited);
  return write_neighbour_frame(out, our_mac, envelope,
                               {.icmp = {.type = Icmp6Type::neighbour_advertisement, .body = Be32{flags}}},
                               request.target, target_link_layer_address);
}

std::size_t build_neighbour_announcement(std::span<std::uint8_t> out, const MacAddress& our_mac,
                                         const IpAddress& our_address) noexcept {
  const Envelope envelope{
      .destination_mac = ipv6_multicast_mac(ipv6_all_nodes), .source = our_address, .destination = ipv6_all_nodes};
  return write_neighbour_frame(
      out, our_mac, envelope,
      {.icmp = {.type = Icmp6Type::neighbour_advertisement, .body = Be32{flag_router | flag_override}}}, our_address,
      target_link_layer_address);
}

}  // namespace sallyport::dataplane
