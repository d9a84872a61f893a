// The packet that an ICMP error is about: RFC 792, RFC 1812 section 4.3.2.3, RFC 4443 section 3, RFC 5508 section 7. An
// error is let through only if it quotes a packet of a live flow.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "config/base/ip.hpp"
#include "dataplane/packet/icmp_query.hpp"
#include "dataplane/packet/ip_parse.hpp"
#include "dataplane/packet/transport.hpp"

namespace sallyport::dataplane {

// As the quoted packet went: the error goes to `source`.
struct IcmpQuote {
  IpAddress source;
  IpAddress destination;
  IpProtocol protocol{};
  TransportPorts ports;                     // TCP, UDP, SCTP; of ICMP queries as in IcmpQueryKey; of other protocols 0
  std::uint32_t packet_bytes = 0;           // of the whole packet, as its IP header says
  std::span<const std::uint8_t> transport;  // what is quoted of it, transport header included; lies in the message
};

// `packet` was accepted by parse_ip as `ip`. The quote may be cut off behind 8 bytes of its transport header, and
// routers may have changed its TTL, TOS and checksum (not verified). Nothing: not an ICMP error, or one that quotes
// another family, a later fragment, another error, too little, or a packet that its receiver did not send (without
// address translation an error goes to the source that it quotes).
[[nodiscard]] std::optional<IcmpQuote> parse_icmp_quote(std::span<const std::uint8_t> packet,
                                                        const ParsedIp& ip) noexcept;

}  // namespace sallyport::dataplane
