// ICMPv6: RFC 4443, and the message types of neighbour discovery (RFC 4861).
#pragma once

#include "dataplane/packet/byte_order.hpp"
#include "dataplane/packet/reader.hpp"

namespace sallyport::dataplane {

enum class Icmp6Type : std::uint8_t {
  destination_unreachable = 1,
  packet_too_big = 2,
  time_exceeded = 3,
  parameter_problem = 4,
  echo_request = 128,
  echo_reply = 129,
  router_solicitation = 133,
  router_advertisement = 134,
  neighbour_solicitation = 135,
  neighbour_advertisement = 136,
  redirect = 137,
};

enum class Icmp6UnreachableCode : std::uint8_t { no_route = 0, administratively_prohibited = 1, address = 3, port = 4 };

struct Icmp6Header {
  Icmp6Type type{};
  std::uint8_t code = 0;
  Be16 checksum;
  Be32 body;  // echo: identifier and sequence; packet too big: MTU; otherwise zero
};
inline constexpr std::size_t icmp6_header_bytes = 8;
static_assert(sizeof(Icmp6Header) == icmp6_header_bytes && WireStruct<Icmp6Header>);

// RFC 4443 section 2.4 (e): never an error about an error (types below 128) or about a redirect.
[[nodiscard]] constexpr bool may_cause_icmp6_error(Icmp6Type type) noexcept {
  return static_cast<std::uint8_t>(type) >= 128 && type != Icmp6Type::redirect;
}

}  // namespace sallyport::dataplane
