// The UDP header, RFC 768.
#pragma once

#include "dataplane/packet/byte_order.hpp"
#include "dataplane/packet/reader.hpp"

namespace sallyport::dataplane {

struct UdpHeader {
  Be16 source_port;
  Be16 destination_port;
  Be16 length;    // header and payload
  Be16 checksum;  // zero over IPv4: not computed. Over IPv6 zero is invalid (RFC 8200 section 8.1).
};
inline constexpr std::size_t udp_header_bytes = 8;
static_assert(sizeof(UdpHeader) == udp_header_bytes && WireStruct<UdpHeader>);

// The payload that the header speaks of. `datagram` begins at the UDP header and ends where the IP packet ends; false
// if the header is cut off or its length lies. Bytes after the UDP length are not part of the payload.
[[nodiscard]] inline bool udp_payload(std::span<const std::uint8_t> datagram, UdpHeader& header,
                                      std::span<const std::uint8_t>& payload) noexcept {
  if (datagram.size() < udp_header_bytes) return false;
  header = load_wire<UdpHeader>(datagram.data());
  const std::size_t length = header.length.host();
  if (length < udp_header_bytes || length > datagram.size()) return false;
  payload = datagram.subspan(udp_header_bytes, length - udp_header_bytes);
  return true;
}

}  // namespace sallyport::dataplane
