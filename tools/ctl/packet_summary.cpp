#include "tools/ctl/packet_summary.hpp"

#include <cstdio>
#include <optional>

#include "config/base/ip.hpp"

namespace sallyport::ctl {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::uint16_t ethertype_ipv4 = 0x0800, ethertype_ipv6 = 0x86dd, ethertype_arp = 0x0806,
                        ethertype_vlan = 0x8100;
constexpr std::uint8_t protocol_icmp = 1, protocol_tcp = 6, protocol_udp = 17, protocol_esp = 50, protocol_icmpv6 = 58;

std::uint16_t be16(Bytes bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

std::string length_of(Bytes bytes) {
  return std::to_string(bytes.size()) + " bytes";
}

std::string tcp_flags(std::uint8_t flags) {
  std::string text;
  for (unsigned bit = 0; bit < 6; ++bit)
    if ((flags >> bit & 1) != 0) text += "FSRPAU"[bit];
  return text.empty() ? "none" : text;
}

// The WireGuard paper, 5.4: a type and three zero bytes.
std::string wireguard_text(Bytes payload) {
  if (payload.size() < 4 || payload[1] != 0 || payload[2] != 0 || payload[3] != 0) return {};
  switch (payload[0]) {
    case 1:
      return ", WireGuard initiation";
    case 2:
      return ", WireGuard response";
    case 3:
      return ", WireGuard cookie";
    case 4:
      return payload.size() == 32 ? ", WireGuard keepalive" : ", WireGuard data";
    default:
      return {};
  }
}

std::string with_port(const IpAddress& address, std::optional<std::uint16_t> port) {
  if (!port) return address.to_string();
  return address.is_v6() ? '[' + address.to_string() + "]:" + std::to_string(*port)
                         : address.to_string() + ':' + std::to_string(*port);
}

std::string transport_text(const IpAddress& source, const IpAddress& destination, std::uint8_t protocol,
                           Bytes payload) {
  const bool has_ports = (protocol == protocol_tcp || protocol == protocol_udp) && payload.size() >= 4;
  std::optional<std::uint16_t> source_port, destination_port;
  if (has_ports) {
    source_port = be16(payload, 0);
    destination_port = be16(payload, 2);
  }
  const std::string ends = with_port(source, source_port) + " > " + with_port(destination, destination_port) + ' ';
  switch (protocol) {
    case protocol_tcp:
      return ends + "TCP" + (payload.size() >= 14 ? " " + tcp_flags(payload[13]) : "");
    case protocol_udp:
      return ends + "UDP" + (payload.size() > 8 ? wireguard_text(payload.subspan(8)) : "");
    case protocol_icmp:
    case protocol_icmpv6: {
      std::string text = ends + (protocol == protocol_icmp ? "ICMP" : "ICMPv6");
      if (payload.size() >= 2) text += " type " + std::to_string(payload[0]) + " code " + std::to_string(payload[1]);
      return text;
    }
    case protocol_esp:
      return ends + "ESP";
    default:
      return ends + "protocol " + std::to_string(protocol);
  }
}

std::string ipv4_text(Bytes bytes) {
  const std::size_t header = bytes.empty() ? 0 : std::size_t{bytes[0]} % 16 * 4;
  if (bytes.size() < 20 || header < 20) return "broken IPv4, " + length_of(bytes);
  const auto source = IpAddress::v4_from_bytes(&bytes[12]);
  const auto destination = IpAddress::v4_from_bytes(&bytes[16]);
  const unsigned fragment_offset = (be16(bytes, 6) & 0x1fffU) * 8;
  if (fragment_offset != 0)
    return source.to_string() + " > " + destination.to_string() + " fragment at " + std::to_string(fragment_offset);
  return transport_text(source, destination, bytes[9], bytes.size() > header ? bytes.subspan(header) : Bytes());
}

std::string ipv6_text(Bytes bytes) {
  if (bytes.size() < 40) return "broken IPv6, " + length_of(bytes);
  return transport_text(IpAddress::v6_from_bytes(&bytes[8]), IpAddress::v6_from_bytes(&bytes[24]), bytes[6],
                        bytes.subspan(40));
}

std::string ip_text(Bytes bytes) {
  if (bytes.empty()) return "empty";
  switch (bytes[0] >> 4) {
    case 4:
      return ipv4_text(bytes);
    case 6:
      return ipv6_text(bytes);
    default:
      return "not IP, " + length_of(bytes);
  }
}

// RFC 826, for IPv4 over Ethernet.
std::string arp_text(Bytes bytes) {
  if (bytes.size() < 28) return "broken ARP";
  const auto sender = IpAddress::v4_from_bytes(&bytes[14]).to_string();
  const auto target = IpAddress::v4_from_bytes(&bytes[24]).to_string();
  return be16(bytes, 6) == 1 ? "ARP who has " + target + ", tell " + sender : "ARP " + sender + " is here";
}

std::string ethernet_text(Bytes bytes) {
  if (bytes.size() < 14) return "broken Ethernet, " + length_of(bytes);
  std::uint16_t type = be16(bytes, 12);
  std::size_t header = 14;
  std::string tag;
  if (type == ethertype_vlan && bytes.size() >= 18) {
    tag = "vlan " + std::to_string(be16(bytes, 14) & 0xfffU) + ' ';
    type = be16(bytes, 16);
    header = 18;
  }
  const Bytes payload = bytes.subspan(header);
  if (type == ethertype_ipv4 || type == ethertype_ipv6) return tag + ip_text(payload);
  if (type == ethertype_arp) return tag + arp_text(payload);
  char text[24];
  std::snprintf(text, sizeof text, "ethertype 0x%04x", type);
  return tag + text;
}

}  // namespace

std::string packet_summary(Bytes bytes, bool ethernet) {
  return ethernet ? ethernet_text(bytes) : ip_text(bytes);
}

std::vector<std::uint8_t> bytes_of_hex(std::string_view text) {
  const auto digit = [](char c) -> int {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
  };
  std::vector<std::uint8_t> bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    const int high = digit(text[i]), low = digit(text[i + 1]);
    if (high < 0 || low < 0) break;
    bytes.push_back(static_cast<std::uint8_t>(high * 16 + low));
  }
  return bytes;
}

}  // namespace sallyport::ctl
