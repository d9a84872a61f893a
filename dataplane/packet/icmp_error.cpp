#include "dataplane/packet/icmp_error.hpp"

#include <algorithm>

#include "dataplane/packet/answerable.hpp"
#include "dataplane/packet/icmp.hpp"
#include "dataplane/packet/icmp6.hpp"

namespace sallyport::dataplane {
namespace {

// RFC 1812 section 4.3.2.5: errors go with precedence 6, internetwork control.
constexpr std::uint8_t error_tos = 0xc0;

struct TypeAndCode {
  std::uint8_t type;
  std::uint8_t code;
};

TypeAndCode icmpv4_type(IcmpErrorKind kind) noexcept {
  const auto unreachable = [](IcmpUnreachableCode code) {
    return TypeAndCode{static_cast<std::uint8_t>(IcmpType::destination_unreachable), static_cast<std::uint8_t>(code)};
  };
  switch (kind) {
    case IcmpErrorKind::time_exceeded:
      return {static_cast<std::uint8_t>(IcmpType::time_exceeded), 0};
    case IcmpErrorKind::no_route:
      return unreachable(IcmpUnreachableCode::network);
    case IcmpErrorKind::host_unreachable:
      return unreachable(IcmpUnreachableCode::host);
    case IcmpErrorKind::port_unreachable:
      return unreachable(IcmpUnreachableCode::port);
    case IcmpErrorKind::administratively_prohibited:
      return unreachable(IcmpUnreachableCode::administratively_prohibited);
    case IcmpErrorKind::packet_too_big:
      return unreachable(IcmpUnreachableCode::fragmentation_needed);
  }
  return unreachable(IcmpUnreachableCode::host);
}

TypeAndCode icmpv6_type(IcmpErrorKind kind) noexcept {
  const auto unreachable = [](Icmp6UnreachableCode code) {
    return TypeAndCode{static_cast<std::uint8_t>(Icmp6Type::destination_unreachable), static_cast<std::uint8_t>(code)};
  };
  switch (kind) {
    case IcmpErrorKind::time_exceeded:
      return {static_cast<std::uint8_t>(Icmp6Type::time_exceeded), 0};
    case IcmpErrorKind::no_route:
      return unreachable(Icmp6UnreachableCode::no_route);
    case IcmpErrorKind::host_unreachable:
      return unreachable(Icmp6UnreachableCode::address);
    case IcmpErrorKind::port_unreachable:
      return unreachable(Icmp6UnreachableCode::port);
    case IcmpErrorKind::administratively_prohibited:
      return unreachable(Icmp6UnreachableCode::administratively_prohibited);
    case IcmpErrorKind::packet_too_big:
      return {static_cast<std::uint8_t>(Icmp6Type::packet_too_big), 0};
  }
  return unreachable(Icmp6UnreachableCode::address);
}

bool is_icmp_that_forbids_an_error(std::span<const std::uint8_t> offending, const ParsedIp& ip) noexcept {
  const bool is_icmp = ip.l4_protocol == IpProtocol::icmp || ip.l4_protocol == IpProtocol::icmpv6;
  if (!is_icmp) return false;
  if (ip.l4_bytes() == 0) return true;
  const std::uint8_t type = offending[ip.l4_offset];
  // ICMP of the other family is no error message of this one, but nobody sends it in good faith.
  if (ip.is_v4()) return ip.l4_protocol != IpProtocol::icmp || !is_icmp_query(static_cast<IcmpType>(type));
  return ip.l4_protocol != IpProtocol::icmpv6 || !may_cause_icmp6_error(static_cast<Icmp6Type>(type));
}

std::size_t build_v4(std::span<std::uint8_t> out, std::span<const std::uint8_t> quotable, IcmpErrorKind kind,
                     std::uint32_t mtu, const IpAddress& source, const IpAddress& destination) noexcept {
  constexpr std::size_t headers = ipv4_header_bytes + icmp_header_bytes;
  const std::size_t total = headers + std::min(quotable.size(), max_icmpv4_error_bytes - headers);
  if (out.size() < total) return 0;
  const auto [type, code] = icmpv4_type(kind);
  Ipv4Header ip{.tos = error_tos,
                .total_length = Be16{static_cast<std::uint16_t>(total)},
                .flags_and_offset = Be16{ipv4_dont_fragment},
                .protocol = IpProtocol::icmp};
  std::copy_n(source.bytes.begin(), 4, ip.source.begin());
  std::copy_n(destination.bytes.begin(), 4, ip.destination.begin());
  store_wire(out.data(), ip);
  ip.checksum = finish_checksum(ipv4_header_sum(out.data()));
  store_wire(out.data(), ip);

  IcmpHeader icmp{.type = static_cast<IcmpType>(type), .code = code};
  if (kind == IcmpErrorKind::packet_too_big)
    icmp.sequence_or_mtu = Be16{static_cast<std::uint16_t>(std::clamp<std::uint32_t>(mtu, 68, 0xffff))};
  store_wire(out.data() + ipv4_header_bytes, icmp);
  std::memcpy(out.data() + headers, quotable.data(), total - headers);
  icmp.checksum = internet_checksum(out.subspan(ipv4_header_bytes, total - ipv4_header_bytes));
  store_wire(out.data() + ipv4_header_bytes, icmp);
  return total;
}

std::size_t build_v6(std::span<std::uint8_t> out, std::span<const std::uint8_t> quotable, IcmpErrorKind kind,
                     std::uint32_t mtu, const IpAddress& source, const IpAddress& destination) noexcept {
  constexpr std::size_t headers = ipv6_header_bytes + icmp6_header_bytes;
  const std::size_t total = headers + std::min(quotable.size(), max_icmpv6_error_bytes - headers);
  if (out.size() < total) return 0;
  const auto [type, code] = icmpv6_type(kind);
  const auto payload = static_cast<std::uint16_t>(total - ipv6_header_bytes);
  const Ipv6Header ip{.payload_length = Be16{payload},
                      .next_header = IpProtocol::icmpv6,
                      .source = source.bytes,
                      .destination = destination.bytes};
  store_wire(out.data(), ip);
  Icmp6Header icmp{.type = static_cast<Icmp6Type>(type), .code = code};
  // A host ignores less than the minimum link MTU (RFC 8201 section 4).
  if (kind == IcmpErrorKind::packet_too_big) icmp.body = Be32{std::max(mtu, ipv6_minimum_mtu)};
  store_wire(out.data() + ipv6_header_bytes, icmp);
  std::memcpy(out.data() + headers, quotable.data(), total - headers);
  const ChecksumSum pseudo = pseudo_header_sum(ip.source, ip.destination, IpProtocol::icmpv6, payload);
  icmp.checksum = finish_checksum(add_to_checksum(pseudo, out.subspan(ipv6_header_bytes, payload)));
  store_wire(out.data() + ipv6_header_bytes, icmp);
  return total;
}

}  // namespace

std::size_t build_icmp_error(std::span<std::uint8_t> out, std::span<const std::uint8_t> offending, const ParsedIp& ip,
                             IcmpErrorKind kind, std::uint32_t mtu, const IpAddress& reply_source) noexcept {
  if (!ip.first_fragment || reply_source.family != ip.family) return 0;
  if (is_icmp_that_forbids_an_error(offending, ip)) return 0;
  const IpAddress sender = source_address(offending, ip);
  if (!may_be_answered(sender, destination_address(offending, ip)) || sender == reply_source) return 0;
  const auto quotable = offending.first(ip.total_bytes);
  return ip.is_v4() ? build_v4(out, quotable, kind, mtu, reply_source, sender)
                    : build_v6(out, quotable, kind, mtu, reply_source, sender);
}

}  // namespace sallyport::dataplane
