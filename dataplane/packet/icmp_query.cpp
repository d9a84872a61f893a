#include "dataplane/packet/icmp_query.hpp"

#include "dataplane/packet/icmp.hpp"
#include "dataplane/packet/icmp6.hpp"

namespace sallyport::dataplane {
namespace {

IcmpClass classify_v4(IcmpType type) noexcept {
  switch (type) {
    case IcmpType::echo_request:
    case IcmpType::timestamp_request:
      return IcmpClass::request;
    case IcmpType::echo_reply:
    case IcmpType::timestamp_reply:
      return IcmpClass::reply;
    case IcmpType::destination_unreachable:
    case IcmpType::time_exceeded:
    case IcmpType::parameter_problem:
      return IcmpClass::error;
    default:
      return IcmpClass::other;
  }
}

IcmpClass classify_v6(Icmp6Type type) noexcept {
  switch (type) {
    case Icmp6Type::echo_request:
      return IcmpClass::request;
    case Icmp6Type::echo_reply:
      return IcmpClass::reply;
    case Icmp6Type::destination_unreachable:
    case Icmp6Type::packet_too_big:
    case Icmp6Type::time_exceeded:
    case Icmp6Type::parameter_problem:
      return IcmpClass::error;
    default:
      return IcmpClass::other;
  }
}

constexpr std::uint16_t type_and_code(IcmpType type, std::uint8_t code) noexcept {
  return static_cast<std::uint16_t>(static_cast<unsigned>(type) << 8 | code);
}

}  // namespace

IcmpClass classify_icmp(IpFamily family, std::uint8_t type) noexcept {
  return family == IpFamily::v4 ? classify_v4(static_cast<IcmpType>(type)) : classify_v6(static_cast<Icmp6Type>(type));
}

IcmpQueryKey detail::icmp_query_key(IpFamily family, std::span<const std::uint8_t> message) noexcept {
  const auto header = load_wire<IcmpHeader>(message.data());
  const std::uint16_t identifier = header.identifier.host();
  const IcmpClass kind = classify_icmp(family, message[0]);
  const bool is_query = kind == IcmpClass::request || kind == IcmpClass::reply;
  if (!is_query) return {{0, type_and_code(header.type, header.code)}, kind};
  if (header.code != 0) return {{0, type_and_code(header.type, header.code)}, IcmpClass::other};
  // Types 13 and 14 are queries of IPv4 alone.
  constexpr std::uint16_t timestamp = type_and_code(IcmpType::timestamp_request, 0);
  if (header.type == IcmpType::timestamp_request) return {{identifier, timestamp}, kind};
  if (header.type == IcmpType::timestamp_reply) return {{timestamp, identifier}, kind};
  return {{identifier, identifier}, kind};
}

std::optional<IcmpQueryKey> icmp_query_key(std::span<const std::uint8_t> packet, const ParsedIp& ip) noexcept {
  const IpProtocol own = ip.is_v4() ? IpProtocol::icmp : IpProtocol::icmpv6;
  if (ip.l4_protocol != own || !ip.first_fragment || ip.l4_bytes() < least_transport_bytes(own)) return std::nullopt;
  return detail::icmp_query_key(ip.family, packet.subspan(ip.l4_offset, ip.l4_bytes()));
}

}  // namespace sallyport::dataplane
