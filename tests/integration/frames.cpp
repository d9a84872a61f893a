#include "tests/integration/frames.hpp"

#include <algorithm>

namespace sallyport::integration {

namespace packets = dataplane::test;
using packets::operator+;

namespace {

Bytes slice(const Bytes& bytes, std::size_t from, std::size_t count) {
  const auto at = bytes.begin() + static_cast<std::ptrdiff_t>(from);
  return {at, at + static_cast<std::ptrdiff_t>(count)};
}

Bytes ip_packet(const IpAddress& from, const IpAddress& to, unsigned protocol, const Bytes& l4, IpFields fields) {
  const std::string source = from.to_string(), destination = to.to_string();
  if (from.is_v4())
    return packets::v4({.source = source,
                        .destination = destination,
                        .protocol = protocol,
                        .ttl = fields.ttl,
                        .tos = fields.tos,
                        .fragment = fields.dont_fragment ? 0x4000U : 0U},
                       l4);
  return packets::v6({.source = source,
                      .destination = destination,
                      .next_header = protocol,
                      .hop_limit = fields.ttl,
                      .traffic_class = fields.tos},
                     l4);
}

std::size_t l4_offset(const Bytes& packet) {
  return is_v4(packet) ? (packet[0] & 15U) * 4 : 40;
}

Bytes mac_bytes(const Mac& mac) {
  return {mac.begin(), mac.end()};
}

Mac group_mac(const IpAddress& group) {
  return {0x33, 0x33, group.bytes[12], group.bytes[13], group.bytes[14], group.bytes[15]};
}

IpAddress solicited_node(const IpAddress& target) {
  IpAddress group = ip("ff02::1:ff00:0");
  std::copy(target.bytes.begin() + 13, target.bytes.end(), group.bytes.begin() + 13);
  return group;
}

Bytes neighbour_packet(unsigned type, unsigned flags, const IpAddress& source, const IpAddress& destination,
                       const IpAddress& target, unsigned option, const Mac& mac) {
  Bytes l4 = Bytes{static_cast<std::uint8_t>(type), 0, 0, 0, static_cast<std::uint8_t>(flags), 0, 0, 0} +
             packets::address_bytes(target) + Bytes{static_cast<std::uint8_t>(option), 1} + mac_bytes(mac);
  return with_l4_checksum(ip_packet(source, destination, 58, l4, {.ttl = 255}), 2);
}

}  // namespace

Bytes ethernet(const Mac& destination, const Mac& source, unsigned type, const Bytes& payload) {
  return mac_bytes(destination) + mac_bytes(source) +
         Bytes{static_cast<std::uint8_t>(type >> 8), static_cast<std::uint8_t>(type)} + payload;
}

Bytes with_vlan(const Bytes& frame, unsigned vlan) {
  Bytes tag(4);
  put16(tag, 0, type_vlan);
  put16(tag, 2, vlan);
  return slice(frame, 0, 12) + tag + slice(frame, 12, frame.size() - 12);
}

unsigned take_vlan(Bytes& frame) {
  if (frame.size() < 18 || type_of(frame) != type_vlan) return 0;
  const unsigned vlan = get16(frame, 14) & 0xfffU;
  frame.erase(frame.begin() + 12, frame.begin() + 16);
  return vlan;
}

unsigned type_of(const Bytes& frame) {
  return get16(frame, 12);
}
Mac destination_of(const Bytes& frame) {
  Mac mac;
  std::copy_n(frame.begin(), 6, mac.begin());
  return mac;
}
Mac source_of(const Bytes& frame) {
  Mac mac;
  std::copy_n(frame.begin() + 6, 6, mac.begin());
  return mac;
}
Bytes payload_of(const Bytes& frame) {
  return slice(frame, 14, frame.size() - 14);
}

Bytes udp_packet(const IpEndpoint& from, const IpEndpoint& to, const Bytes& data, IpFields fields) {
  return with_l4_checksum(ip_packet(from.address, to.address, 17, packets::udp(from.port, to.port, data), fields), 6);
}

Bytes udp_packet(const IpAddress& from, const IpAddress& to, std::size_t data_bytes, IpFields fields) {
  Bytes data(data_bytes);
  for (std::size_t i = 0; i < data_bytes; ++i) data[i] = static_cast<std::uint8_t>(i * 13 + 5);
  return udp_packet({.address = from, .port = 7000}, {.address = to, .port = 8000}, data, fields);
}

Bytes echo_request(const IpAddress& from, const IpAddress& to, std::size_t data_bytes, IpFields fields) {
  Bytes l4(8 + data_bytes, 0x5a);
  l4[0] = from.is_v4() ? 8 : 128;
  l4[1] = 0;
  return with_l4_checksum(ip_packet(from, to, from.is_v4() ? 1 : 58, l4, fields), 2);
}

Bytes tcp_syn(const IpAddress& from, const IpAddress& to, unsigned mss) {
  const Bytes options = {2, 4, static_cast<std::uint8_t>(mss >> 8), static_cast<std::uint8_t>(mss)};
  return with_l4_checksum(ip_packet(from, to, 6, packets::tcp(0x02, options), {}), 16);
}

Bytes tcp_segment(const IpEndpoint& from, const IpEndpoint& to, unsigned flags, std::uint32_t sequence,
                  std::uint32_t acknowledgement) {
  Bytes l4(20);
  put16(l4, 0, from.port);
  put16(l4, 2, to.port);
  put16(l4, 4, sequence >> 16);
  put16(l4, 6, sequence & 0xffff);
  put16(l4, 8, acknowledgement >> 16);
  put16(l4, 10, acknowledgement & 0xffff);
  l4[12] = 0x50;
  l4[13] = static_cast<std::uint8_t>(flags);
  put16(l4, 14, 1024);
  return with_l4_checksum(ip_packet(from.address, to.address, 6, l4, {}), 16);
}

Bytes ip_packet_of(const IpAddress& from, const IpAddress& to, unsigned protocol, const Bytes& l4) {
  return ip_packet(from, to, protocol, l4, {});
}

bool is_v4(const Bytes& packet) {
  return packet[0] >> 4 == 4;
}
IpAddress source_address(const Bytes& packet) {
  return is_v4(packet) ? IpAddress::v4_from_bytes(&packet[12]) : IpAddress::v6_from_bytes(&packet[8]);
}
IpAddress destination_address(const Bytes& packet) {
  return is_v4(packet) ? IpAddress::v4_from_bytes(&packet[16]) : IpAddress::v6_from_bytes(&packet[24]);
}
unsigned ttl_of(const Bytes& packet) {
  return packet[is_v4(packet) ? 8 : 7];
}
unsigned tos_of(const Bytes& packet) {
  return is_v4(packet) ? packet[1] : (packet[0] & 15U) << 4U | packet[1] >> 4U;
}

bool is_sound(const Bytes& packet) {
  if (packet.size() < 20) return false;
  const std::size_t total = is_v4(packet) ? get16(packet, 2) : 40 + get16(packet, 4);
  if (total != packet.size()) return false;
  if (is_v4(packet) && packets::slow_checksum(slice(packet, 0, l4_offset(packet))) != 0) return false;
  const unsigned protocol = is_v4(packet) ? packet[9] : packet[6];
  if (protocol == 17 && is_v4(packet) && get16(packet, l4_offset(packet) + 6) == 0) return true;
  const bool is_fragment = (is_v4(packet) && (get16(packet, 6) & 0x3fffU) != 0) || protocol == 44;
  return is_fragment || slow_l4_checksum(packet) == 0;
}

std::optional<Datagram> datagram_of(const Bytes& packet) {
  if (packet.size() < 28 || (is_v4(packet) ? packet[9] : packet[6]) != 17) return std::nullopt;
  const std::size_t l4 = l4_offset(packet);
  return Datagram{
      .from = {.address = source_address(packet), .port = static_cast<std::uint16_t>(get16(packet, l4))},
      .to = {.address = destination_address(packet), .port = static_cast<std::uint16_t>(get16(packet, l4 + 2))},
      .tos = tos_of(packet),
      .udp_checksum = get16(packet, l4 + 6),
      .payload = slice(packet, l4 + 8, get16(packet, l4 + 4) - 8U)};
}

std::optional<Icmp> icmp_of(const Bytes& packet) {
  if (packet.size() < 28 || (is_v4(packet) ? packet[9] != 1 : packet[6] != 58)) return std::nullopt;
  const std::size_t l4 = l4_offset(packet);
  return Icmp{.type = packet[l4],
              .code = packet[l4 + 1],
              .rest = get16(packet, l4 + 4) << 16U | get16(packet, l4 + 6),
              .body = slice(packet, l4 + 8, packet.size() - l4 - 8)};
}

Bytes arp_frame(unsigned operation, const Mac& sender_mac, const IpAddress& sender, const Mac& target_mac,
                const IpAddress& target, const Mac& to) {
  return ethernet(to, sender_mac, type_arp,
                  Bytes{0, 1, 8, 0, 6, 4, 0, static_cast<std::uint8_t>(operation)} + mac_bytes(sender_mac) +
                      packets::address_bytes(sender) + mac_bytes(target_mac) + packets::address_bytes(target));
}

Bytes solicitation_frame(const Mac& sender_mac, const IpAddress& sender, const IpAddress& target) {
  const IpAddress group = solicited_node(target);
  return ethernet(group_mac(group), sender_mac, type_ipv6,
                  neighbour_packet(135, 0, sender, group, target, 1, sender_mac));
}

Bytes advertisement_frame(const Mac& sender_mac, const IpAddress& sender, const IpAddress& to, const Mac& to_mac) {
  return ethernet(to_mac, sender_mac, type_ipv6, neighbour_packet(136, 0x60, sender, to, sender, 2, sender_mac));
}

std::optional<IpAddress> asked_for(const Bytes& frame) {
  if (type_of(frame) == type_arp && frame.size() >= 42 && frame[21] == 1) return IpAddress::v4_from_bytes(&frame[38]);
  if (type_of(frame) == type_ipv6 && frame.size() >= 78 && frame[20] == 58 && frame[54] == 135)
    return IpAddress::v6_from_bytes(&frame[62]);
  return std::nullopt;
}

bool is_neighbour_message(const Bytes& frame) {
  if (frame.size() < 14) return false;
  if (type_of(frame) == type_arp) return true;
  return type_of(frame) == type_ipv6 && frame.size() >= 78 && frame[20] == 58 && (frame[54] == 135 || frame[54] == 136);
}

std::vector<Bytes> fragments_of(const Bytes& packet, std::size_t piece_bytes, unsigned identification) {
  std::vector<Bytes> all;
  const std::size_t header = l4_offset(packet);
  const std::size_t total = packet.size() - header;
  for (std::size_t at = 0; at < total; at += piece_bytes) {
    const std::size_t bytes = std::min(piece_bytes, total - at);
    const unsigned more = at + bytes < total ? 1 : 0;
    Bytes fragment = slice(packet, 0, header);
    if (is_v4(packet)) {
      put16(fragment, 2, header + bytes);
      put16(fragment, 4, identification);
      put16(fragment, 6, more << 13U | at / 8);
      packets::fix_v4_checksum(fragment);
    } else {
      put16(fragment, 4, 8 + bytes);
      Bytes extension(8);
      extension[0] = fragment[6];
      put16(extension, 2, at | more);
      put16(extension, 6, identification);
      fragment[6] = 44;
      fragment = fragment + extension;
    }
    all.push_back(fragment + slice(packet, header + at, bytes));
  }
  return all;
}

}  // namespace sallyport::integration
