// The Ethernet header before an IP packet.
#pragma once

#include "dataplane/io/port_table.hpp"
#include "dataplane/packet/ethernet.hpp"
#include "dataplane/pipeline/packet.hpp"

namespace sallyport::dataplane {

[[nodiscard]] inline MacAddress mac_of(const LogicalPort& port) noexcept {
  return {port.mac};
}

// `ip_packet` starts at its IP header. False: no headroom; the packet is unchanged.
[[nodiscard]] inline bool add_link_header(Packet* ip_packet, const LogicalPort& port,
                                          const MacAddress& destination) noexcept {
  const std::uint8_t version = *rte_pktmbuf_mtod(ip_packet, const std::uint8_t*) >> 4;
  auto* at = reinterpret_cast<std::uint8_t*>(rte_pktmbuf_prepend(ip_packet, ethernet_header_bytes));
  if (at == nullptr) return false;
  store_wire(
      at, EthernetHeader{.destination = destination,
                         .source = mac_of(port),
                         .type = Be16{static_cast<std::uint16_t>(version == 4 ? EtherType::ipv4 : EtherType::ipv6)}});
  return true;
}

// Cuts a packet of one segment to `length_bytes`, at most what it has.
inline void shorten(Packet* packet, std::size_t length_bytes) noexcept {
  packet->data_len = static_cast<std::uint16_t>(length_bytes);
  packet->pkt_len = packet->data_len;
}

}  // namespace sallyport::dataplane
