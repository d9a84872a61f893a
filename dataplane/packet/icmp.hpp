// ICMP for IPv4: RFC 792, RFC 1191 (next-hop MTU), RFC 1812 (codes that a router sends).
#pragma once

#include "dataplane/packet/byte_order.hpp"
#include "dataplane/packet/reader.hpp"

namespace sallyport::dataplane {

enum class IcmpType : std::uint8_t {
  echo_reply = 0,
  destination_unreachable = 3,
  source_quench = 4,
  redirect = 5,
  echo_request = 8,
  time_exceeded = 11,
  parameter_problem = 12,
  timestamp_request = 13,
  timestamp_reply = 14,
};

enum class IcmpUnreachableCode : std::uint8_t {
  network = 0,
  host = 1,
  port = 3,
  fragmentation_needed = 4,
  administratively_prohibited = 13,
};

struct IcmpHeader {
  IcmpType type{};
  std::uint8_t code = 0;
  Be16 checksum;
  Be16 identifier;       // unused (zero) in errors
  Be16 sequence_or_mtu;  // echo: sequence number; fragmentation needed: next-hop MTU
};
inline constexpr std::size_t icmp_header_bytes = 8;
static_assert(sizeof(IcmpHeader) == icmp_header_bytes && WireStruct<IcmpHeader>);

// Errors may be sent about these alone (RFC 1122 section 3.2.2): what is no known query may be an error.
[[nodiscard]] constexpr bool is_icmp_query(IcmpType type) noexcept {
  return type == IcmpType::echo_request || type == IcmpType::echo_reply || type == IcmpType::timestamp_request ||
         type == IcmpType::timestamp_reply;
}

}  // namespace sallyport::dataplane
