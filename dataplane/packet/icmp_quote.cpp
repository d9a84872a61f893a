#include "dataplane/packet/icmp_quote.hpp"

#include <algorithm>

#include "dataplane/packet/icmp.hpp"

namespace sallyport::dataplane {
namespace {

using Bytes = std::span<const std::uint8_t>;

// Fills addresses and protocol. `transport` is what there is of the transport header and belongs to the packet.
bool take_v4_header(Bytes quoted, IcmpQuote& quote, Bytes& transport) noexcept {
  if (quoted.size() < ipv4_header_bytes) return false;
  const auto header = load_wire<Ipv4Header>(quoted.data());
  const std::size_t header_bytes = static_cast<std::size_t>(header.version_and_length & 15) * 4;
  const std::size_t end = std::min<std::size_t>(quoted.size(), header.total_length.host());
  if (header.version_and_length >> 4 != 4 || header_bytes < ipv4_header_bytes || header_bytes > end) return false;
  if ((header.flags_and_offset.host() & ipv4_offset_mask) != 0) return false;
  quote.source = IpAddress::v4_from_bytes(header.source.data());
  quote.destination = IpAddress::v4_from_bytes(header.destination.data());
  quote.protocol = header.protocol;
  quote.packet_bytes = header.total_length.host();
  transport = quoted.first(end).subspan(header_bytes);
  return true;
}

// Steps over the extension headers that begin at `at`. RFC 8200 section 4.
bool take_extension_headers(Bytes quoted, std::size_t at, IcmpQuote& quote, Bytes& transport) noexcept {
  for (unsigned seen = 0; is_extension_header(quote.protocol); ++seen) {
    if (seen == max_extension_headers || quoted.size() - at < ipv6_least_extension_bytes) return false;
    const std::size_t bytes = extension_header_bytes(quote.protocol, quoted[at + 1]);
    if (quoted.size() - at < bytes) return false;
    if (quote.protocol == IpProtocol::fragment &&
        (load_wire<Ipv6FragmentHeader>(quoted.data() + at).offset_and_more.host() & 0xfff8U) != 0)
      return false;
    quote.protocol = static_cast<IpProtocol>(quoted[at]);
    at += bytes;
  }
  transport = quoted.subspan(at);
  return true;
}

bool take_v6_headers(Bytes quoted, IcmpQuote& quote, Bytes& transport) noexcept {
  if (quoted.size() < ipv6_header_bytes || quoted[0] >> 4 != 6) return false;
  const auto header = load_wire<Ipv6Header>(quoted.data());
  const std::size_t end = std::min<std::size_t>(quoted.size(), ipv6_header_bytes + header.payload_length.host());
  quote.source = IpAddress::v6_from_bytes(header.source.data());
  quote.destination = IpAddress::v6_from_bytes(header.destination.data());
  quote.protocol = header.next_header;
  quote.packet_bytes = static_cast<std::uint32_t>(ipv6_header_bytes) + header.payload_length.host();
  return take_extension_headers(quoted.first(end), ipv6_header_bytes, quote, transport);
}

// Eight bytes of every transport header are quoted (RFC 792), and hold all that we read.
bool take_ports(IpFamily family, Bytes transport, IcmpQuote& quote) noexcept {
  const bool is_icmp = quote.protocol == IpProtocol::icmp || quote.protocol == IpProtocol::icmpv6;
  if (!is_icmp && !has_ports(quote.protocol)) return true;
  if (transport.size() < icmp_header_bytes) return false;
  if (has_ports(quote.protocol)) {
    quote.ports = load_ports(transport.data());
    return true;
  }
  if (quote.protocol != (family == IpFamily::v4 ? IpProtocol::icmp : IpProtocol::icmpv6)) return false;
  const IcmpQueryKey key = detail::icmp_query_key(family, transport);
  quote.ports = key.ports;
  return key.kind == IcmpClass::request || key.kind == IcmpClass::reply;
}

}  // namespace

std::optional<IcmpQuote> parse_icmp_quote(Bytes packet, const ParsedIp& ip) noexcept {
  if (ip.is_fragment) return std::nullopt;
  const auto outer = icmp_query_key(packet, ip);
  if (!outer || outer->kind != IcmpClass::error) return std::nullopt;
  const Bytes quoted = packet.subspan(ip.l4_offset, ip.l4_bytes()).subspan(icmp_header_bytes);
  IcmpQuote quote;
  Bytes transport;
  const bool taken = ip.is_v4() ? take_v4_header(quoted, quote, transport) : take_v6_headers(quoted, quote, transport);
  if (!taken || quote.source != destination_address(packet, ip) || !take_ports(ip.family, transport, quote))
    return std::nullopt;
  quote.transport = transport;
  return quote;
}

}  // namespace sallyport::dataplane
