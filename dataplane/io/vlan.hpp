// VLAN tags (IEEE 802.1Q) on their way in and out, by the device where it offers that and by hand elsewhere. One tag;
// provider tags (802.1ad) and a second tag stay in the frame, whose EtherType is then unknown to everyone.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>
#include <cstring>

#include "dataplane/io/device_offloads.hpp"
#include "dataplane/packet/ethernet.hpp"

namespace sallyport::dataplane {

inline constexpr std::uint16_t vlan_id_mask = 0x0fff;
inline constexpr std::uint32_t ethernet_addresses_bytes = 12;

// The VLAN of a received frame, 0 if untagged (or only priority-tagged). Afterwards the frame has no tag in its data.
// For any frame: one that is too short to have a tag has none.
[[nodiscard]] inline std::uint16_t take_vlan(rte_mbuf& mbuf) noexcept {
  if ((mbuf.ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0) return mbuf.vlan_tci & vlan_id_mask;
  if (mbuf.data_len < ethernet_addresses_bytes + vlan_tag_bytes + 2) return 0;
  auto* frame = rte_pktmbuf_mtod(&mbuf, std::uint8_t*);
  if (frame[12] != 0x81 || frame[13] != 0x00) return 0;
  const auto vlan = static_cast<std::uint16_t>((frame[14] << 8 | frame[15]) & vlan_id_mask);
  std::memmove(frame + vlan_tag_bytes, frame, ethernet_addresses_bytes);
  rte_pktmbuf_adj(&mbuf, vlan_tag_bytes);
  return vlan;
}

// Tags a frame that is ready to be sent; vlan 0 leaves it as it is. False: the headroom does not suffice.
// l2_len counts an untagged header, whichever way the tag goes; a tag put in by hand is added to it.
[[nodiscard]] inline bool put_vlan(rte_mbuf& mbuf, std::uint16_t vlan, const DeviceOffloads& offloads) noexcept {
  if (vlan == 0) return true;
  if (offloads.tx_vlan_insert) {
    mbuf.ol_flags |= RTE_MBUF_F_TX_VLAN;
    mbuf.vlan_tci = vlan;
    return true;
  }
  auto* frame = reinterpret_cast<std::uint8_t*>(rte_pktmbuf_prepend(&mbuf, vlan_tag_bytes));
  if (frame == nullptr) return false;
  std::memmove(frame, frame + vlan_tag_bytes, ethernet_addresses_bytes);
  frame[12] = 0x81;
  frame[13] = 0x00;
  frame[14] = static_cast<std::uint8_t>(vlan >> 8);
  frame[15] = static_cast<std::uint8_t>(vlan);
  if (mbuf.l2_len != 0) mbuf.l2_len = (mbuf.l2_len + vlan_tag_bytes) & 0x7f;
  return true;
}

}  // namespace sallyport::dataplane
