// Checksums of a packet that is ready to be sent: asked of the device where it offers them, left to software elsewhere.
// The caller knows its own headers; nothing here trusts a length that came from a network.
#pragma once

#include <netinet/in.h>
#include <rte_ip.h>
#include <rte_mbuf.h>

#include <cstdint>
#include <cstring>

#include "dataplane/io/device_offloads.hpp"

namespace sallyport::dataplane {

struct TxHeaders {
  std::uint16_t l2_bytes = 14;  // untagged
  std::uint16_t l3_bytes = 20;  // with options or extension headers
  bool ipv6 = false;
  std::uint8_t l4_protocol = 0;  // IPPROTO_UDP or IPPROTO_TCP: its checksum is wanted; anything else: none is
};

struct SoftwareChecksums {
  bool ipv4 = false;  // must be computed by the caller
  bool l4 = false;
};

// Sets the mbuf's flags and lengths for what the device does, and returns what it does not. Where the device does the
// L4 checksum, the field gets the pseudo-header's sum as ethdev demands; where it does the IPv4 one, that field gets 0.
// The headers lie in the first segment. Call before put_vlan.
[[nodiscard]] inline SoftwareChecksums request_checksums(rte_mbuf& mbuf, const TxHeaders& headers,
                                                         const DeviceOffloads& offloads) noexcept {
  const bool udp = headers.l4_protocol == IPPROTO_UDP;
  const bool l4_wanted = udp || headers.l4_protocol == IPPROTO_TCP;
  const bool ipv4_offload = !headers.ipv6 && offloads.tx_ipv4_checksum;
  const bool l4_offload = l4_wanted && (udp ? offloads.tx_udp_checksum : offloads.tx_tcp_checksum);
  const SoftwareChecksums left = {.ipv4 = !headers.ipv6 && !ipv4_offload, .l4 = l4_wanted && !l4_offload};
  if (!ipv4_offload && !l4_offload) return left;

  mbuf.l2_len = headers.l2_bytes & 0x7f;  // fields of 7 and 9 bits
  mbuf.l3_len = headers.l3_bytes & 0x1ff;
  mbuf.ol_flags |= headers.ipv6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4;
  auto* ip = rte_pktmbuf_mtod_offset(&mbuf, std::uint8_t*, headers.l2_bytes);
  if (ipv4_offload) {
    mbuf.ol_flags |= RTE_MBUF_F_TX_IP_CKSUM;
    reinterpret_cast<rte_ipv4_hdr*>(ip)->hdr_checksum = 0;
  }
  if (!l4_offload) return left;
  mbuf.ol_flags |= udp ? RTE_MBUF_F_TX_UDP_CKSUM : RTE_MBUF_F_TX_TCP_CKSUM;
  const std::uint16_t pseudo = headers.ipv6 ? rte_ipv6_phdr_cksum(reinterpret_cast<rte_ipv6_hdr*>(ip), mbuf.ol_flags)
                                            : rte_ipv4_phdr_cksum(reinterpret_cast<rte_ipv4_hdr*>(ip), mbuf.ol_flags);
  std::memcpy(ip + headers.l3_bytes + (udp ? 6 : 16), &pseudo, sizeof pseudo);
  return left;
}

}  // namespace sallyport::dataplane
