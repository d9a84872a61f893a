// Who sent an outer datagram to which of our addresses, read from the headers that stay in front of its payload.
#pragma once

#include "config/base/ip.hpp"
#include "dataplane/packet/ipv4.hpp"
#include "dataplane/packet/ipv6.hpp"
#include "dataplane/packet/udp.hpp"
#include "dataplane/pipeline/packet.hpp"

namespace sallyport::dataplane {

struct ReceivedEndpoints {
  IpEndpoint remote;
  IpEndpoint local;
};

// `packet` has meta.outer_offset, outer_payload_offset and outer_is_v6.
[[nodiscard]] inline ReceivedEndpoints received_endpoints(const Packet* packet) noexcept {
  const PacketMeta& meta = meta_of(packet);
  const auto* buffer = static_cast<const std::uint8_t*>(packet->buf_addr);
  const std::uint8_t* outer = buffer + meta.outer_offset;
  const auto udp = load_wire<UdpHeader>(buffer + meta.outer_payload_offset - udp_header_bytes);
  ReceivedEndpoints endpoints;
  if (meta.outer_is_v6 != 0) {
    endpoints.remote.address = IpAddress::v6_from_bytes(outer + ipv6_source_offset);
    endpoints.local.address = IpAddress::v6_from_bytes(outer + ipv6_destination_offset);
  } else {
    endpoints.remote.address = IpAddress::v4_from_bytes(outer + ipv4_source_offset);
    endpoints.local.address = IpAddress::v4_from_bytes(outer + ipv4_destination_offset);
  }
  endpoints.remote.port = udp.source_port.host();
  endpoints.local.port = udp.destination_port.host();
  return endpoints;
}

}  // namespace sallyport::dataplane
