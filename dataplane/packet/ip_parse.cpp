#include "dataplane/packet/ip_parse.hpp"

#include <algorithm>

#include "dataplane/packet/udp.hpp"

namespace sallyport::dataplane {
namespace {

// RFC 791 section 3.1: end 0, no-op 1, else a length that counts kind and length.
IpParseError check_ipv4_options(std::span<const std::uint8_t> options) noexcept {
  constexpr std::uint8_t end = 0, no_operation = 1, loose_source_route = 131, strict_source_route = 137;
  for (std::size_t at = 0; at < options.size();) {
    const std::uint8_t kind = options[at];
    if (kind == end) return IpParseError::none;
    if (kind == no_operation) {
      ++at;
      continue;
    }
    if (kind == loose_source_route || kind == strict_source_route) return IpParseError::source_routed;
    if (at + 2 > options.size() || options[at + 1] < 2 || at + options[at + 1] > options.size())
      return IpParseError::bad_options;
    at += options[at + 1];
  }
  return IpParseError::none;
}

IpParseError parse_ipv4_slowly(std::span<const std::uint8_t> packet, ParsedIp& out, unsigned flags) noexcept {
  if (packet.size() < ipv4_header_bytes) return IpParseError::truncated;
  const std::size_t header_bytes = static_cast<std::size_t>(packet[0] & 15) * 4;
  if (header_bytes < ipv4_header_bytes) return IpParseError::bad_header_length;
  if (packet.size() < header_bytes) return IpParseError::truncated;
  const auto header = packet.first(header_bytes);
  if ((flags & parse_header_checksum_verified) == 0 && !checksum_holds(add_to_checksum(0, header)))
    return IpParseError::bad_header_checksum;
  if (const auto error = check_ipv4_options(header.subspan(ipv4_header_bytes)); error != IpParseError::none)
    return error;
  return detail::parse_ipv4(packet, out, flags, header_bytes);
}

bool bad_ipv6_source(const Ipv6Bytes& source, unsigned flags) noexcept {
  if (source[0] == 0xff) return true;
  if (std::any_of(source.begin(), source.end() - 1, [](std::uint8_t byte) { return byte != 0; })) return false;
  return source[15] == 1 || (source[15] == 0 && (flags & parse_allow_unspecified_source) == 0);
}

bool bad_ipv6_destination(const Ipv6Bytes& destination) noexcept {
  return destination[15] <= 1 &&
         std::all_of(destination.begin(), destination.end() - 1, [](std::uint8_t byte) { return byte == 0; });
}

// `packet` ends at its true length. Notes the fragment; RFC 8200 section 4.5.
IpParseError take_fragment_header(std::span<const std::uint8_t> packet, std::size_t at, ParsedIp& out) noexcept {
  const auto fragment = load_wire<Ipv6FragmentHeader>(packet.data() + at);
  const std::uint16_t word = fragment.offset_and_more.host();
  const std::uint32_t offset = word & 0xfff8U;
  const std::size_t payload = packet.size() - at - sizeof(Ipv6FragmentHeader);
  if (out.fragment_header_offset != 0) return IpParseError::bad_fragment;
  out.fragment_header_offset = static_cast<std::uint16_t>(at);
  out.more_fragments = (word & 1) != 0;
  out.fragment_offset_bytes = static_cast<std::uint16_t>(offset);
  out.is_fragment = out.more_fragments || offset != 0;
  out.first_fragment = offset == 0;
  // What is put together may not exceed a payload of 65,535 bytes, the unfragmentable part included.
  const bool too_long = at - ipv6_header_bytes + offset + payload > 65535;
  if (out.is_fragment && (too_long || payload == 0 || (out.more_fragments && payload % 8 != 0)))
    return IpParseError::bad_fragment;
  return IpParseError::none;
}

// Finds the transport header. RFC 8200 section 4.
IpParseError walk_extension_headers(std::span<const std::uint8_t> packet, IpProtocol next, ParsedIp& out) noexcept {
  std::size_t at = ipv6_header_bytes;
  for (unsigned seen = 0;; ++seen) {
    if (!is_extension_header(next)) break;
    if (seen == max_extension_headers) return IpParseError::too_many_extension_headers;
    if (next == IpProtocol::hop_by_hop && seen != 0) return IpParseError::bad_extension_header;
    if (packet.size() - at < ipv6_least_extension_bytes) return IpParseError::bad_extension_header;
    const std::size_t bytes = extension_header_bytes(next, packet[at + 1]);
    if (packet.size() - at < bytes) return IpParseError::bad_extension_header;
    if (next == IpProtocol::routing && (packet[at + 2] == 0 || packet[at + 3] != 0)) return IpParseError::source_routed;
    if (next == IpProtocol::fragment)
      if (const auto error = take_fragment_header(packet, at, out); error != IpParseError::none) return error;
    next = static_cast<IpProtocol>(packet[at]);
    at += bytes;
    if (!out.first_fragment) break;  // what follows is data from the middle, not headers
  }
  out.l4_protocol = next;
  out.l4_offset = static_cast<std::uint16_t>(at);
  return IpParseError::none;
}

IpParseError parse_ipv6(std::span<const std::uint8_t> packet, ParsedIp& out, unsigned flags) noexcept {
  if (packet.size() < ipv6_header_bytes) return IpParseError::truncated;
  const auto header = load_wire<Ipv6Header>(packet.data());
  const std::size_t total = ipv6_header_bytes + header.payload_length.host();
  if (total > packet.size()) return IpParseError::length_exceeds_packet;
  if (bad_ipv6_source(header.source, flags)) return IpParseError::bad_source;
  if (bad_ipv6_destination(header.destination)) return IpParseError::bad_destination;
  out = ParsedIp{.total_bytes = static_cast<std::uint32_t>(total),
                 .header_bytes = ipv6_header_bytes,
                 .family = IpFamily::v6,
                 .ttl = header.hop_limit,
                 .tos = header.traffic_class(),
                 .dont_fragment = true};
  return walk_extension_headers(packet.first(total), header.next_header, out);
}

}  // namespace

IpParseError detail::parse_ip_slowly(std::span<const std::uint8_t> packet, ParsedIp& out, unsigned flags) noexcept {
  if (packet.empty()) return IpParseError::truncated;
  switch (packet[0] >> 4) {
    case 4:
      return parse_ipv4_slowly(packet, out, flags);
    case 6:
      return parse_ipv6(packet, out, flags);
    default:
      return IpParseError::bad_version;
  }
}

IpAddress source_address(std::span<const std::uint8_t> packet, const ParsedIp& ip) noexcept {
  const std::uint8_t* at = packet.data() + ip.source_offset();
  return ip.is_v4() ? IpAddress::v4_from_bytes(at) : IpAddress::v6_from_bytes(at);
}

IpAddress destination_address(std::span<const std::uint8_t> packet, const ParsedIp& ip) noexcept {
  const std::uint8_t* at = packet.data() + ip.destination_offset();
  return ip.is_v4() ? IpAddress::v4_from_bytes(at) : IpAddress::v6_from_bytes(at);
}

ChecksumSum pseudo_header_sum(std::span<const std::uint8_t> packet, const ParsedIp& ip) noexcept {
  // Source and destination lie side by side in both families.
  const std::size_t both = ip.is_v4() ? 8 : 32;
  const ChecksumSum fixed = ChecksumSum{Be16{static_cast<std::uint16_t>(ip.l4_protocol)}.raw()} +
                            Be32{static_cast<std::uint32_t>(ip.l4_bytes())}.raw();
  return add_to_checksum(fixed, packet.subspan(ip.source_offset(), both));
}

bool l4_checksum_holds(std::span<const std::uint8_t> packet, const ParsedIp& ip) noexcept {
  const auto l4 = packet.subspan(ip.l4_offset, ip.l4_bytes());
  switch (ip.l4_protocol) {
    case IpProtocol::icmp:
      return checksum_holds(add_to_checksum(0, l4));
    case IpProtocol::udp: {
      UdpHeader header;
      std::span<const std::uint8_t> payload;
      if (!udp_payload(l4, header, payload)) return false;
      if (header.checksum.raw() == 0) return ip.is_v4();
      // The UDP length counts, which may be less than what IP carries.
      ParsedIp datagram = ip;
      datagram.total_bytes = static_cast<std::uint32_t>(ip.l4_offset + udp_header_bytes + payload.size());
      return checksum_holds(add_to_checksum(pseudo_header_sum(packet, datagram), l4.first(header.length.host())));
    }
    case IpProtocol::tcp:
    case IpProtocol::icmpv6:
      return checksum_holds(add_to_checksum(pseudo_header_sum(packet, ip), l4));
    default:
      return true;
  }
}

const char* to_string(IpParseError error) noexcept {
  switch (error) {
    case IpParseError::none:
      return "none";
    case IpParseError::truncated:
      return "truncated";
    case IpParseError::bad_version:
      return "bad_version";
    case IpParseError::bad_header_length:
      return "bad_header_length";
    case IpParseError::bad_total_length:
      return "bad_total_length";
    case IpParseError::length_exceeds_packet:
      return "length_exceeds_packet";
    case IpParseError::bad_header_checksum:
      return "bad_header_checksum";
    case IpParseError::bad_source:
      return "bad_source";
    case IpParseError::bad_destination:
      return "bad_destination";
    case IpParseError::source_routed:
      return "source_routed";
    case IpParseError::bad_options:
      return "bad_options";
    case IpParseError::bad_extension_header:
      return "bad_extension_header";
    case IpParseError::too_many_extension_headers:
      return "too_many_extension_headers";
    case IpParseError::bad_fragment:
      return "bad_fragment";
  }
  return "unknown";
}

}  // namespace sallyport::dataplane
