// Ethernet II frames with at most one 802.1Q tag. 802.1ad (and a second tag of any kind) is refused: no port of ours
// lives behind one, and an attacker could hide a frame from a VLAN check inside it.
#pragma once

#include <compare>
#include <string>

#include "dataplane/packet/byte_order.hpp"
#include "dataplane/packet/reader.hpp"

namespace sallyport::dataplane {

struct MacAddress {
  std::array<std::uint8_t, 6> bytes{};

  static constexpr MacAddress broadcast() noexcept { return {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}; }
  static constexpr MacAddress from_u64(std::uint64_t low_48_bits) noexcept {
    MacAddress mac;
    for (unsigned i = 0; i < 6; ++i) mac.bytes[i] = static_cast<std::uint8_t>(low_48_bits >> (40 - 8 * i));
    return mac;
  }
  [[nodiscard]] constexpr std::uint64_t to_u64() const noexcept {
    std::uint64_t value = 0;
    for (const std::uint8_t byte : bytes) value = value << 8 | byte;
    return value;
  }
  [[nodiscard]] constexpr bool is_multicast() const noexcept { return (bytes[0] & 1) != 0; }  // broadcast included
  [[nodiscard]] constexpr bool is_broadcast() const noexcept { return *this == broadcast(); }
  [[nodiscard]] constexpr bool is_zero() const noexcept { return *this == MacAddress{}; }
  // May be the address of one station: the only kind that a neighbour or a source may have.
  [[nodiscard]] constexpr bool is_unicast() const noexcept { return !is_multicast() && !is_zero(); }
  [[nodiscard]] std::string to_string() const;  // "02:00:00:00:00:01"; allocates, for logs

  friend constexpr auto operator<=>(const MacAddress&, const MacAddress&) noexcept = default;
};
static_assert(sizeof(MacAddress) == 6);

enum class EtherType : std::uint16_t {
  ipv4 = 0x0800,
  arp = 0x0806,
  vlan = 0x8100,
  ipv6 = 0x86dd,
  provider_vlan = 0x88a8
};

struct EthernetHeader {
  MacAddress destination;
  MacAddress source;
  Be16 type;
};
inline constexpr std::size_t ethernet_header_bytes = 14;
static_assert(sizeof(EthernetHeader) == ethernet_header_bytes && WireStruct<EthernetHeader>);

struct VlanTag {
  Be16 control;  // priority 3, drop eligible 1, identifier 12
  Be16 type;
};
inline constexpr std::size_t vlan_tag_bytes = 4;
static_assert(sizeof(VlanTag) == vlan_tag_bytes && WireStruct<VlanTag>);

enum class FrameError : std::uint8_t {
  none,
  truncated,
  bad_source,     // the sender claims a group address or none
  not_ethernet2,  // 802.3 with a length field (LLC, spanning tree)
  double_tagged,  // 802.1ad, or a tag within a tag
};

struct ParsedFrame {
  EtherType type{};             // of the payload; may be a value that the enum does not name
  std::uint16_t vlan_id = 0;    // 0: untagged or a priority tag
  std::uint16_t l3_offset = 0;  // 14 or 18
  bool to_group = false;        // destination is multicast or broadcast
};

// Looks at the first 18 bytes at most. `out` is meaningful only after FrameError::none.
[[nodiscard]] inline FrameError parse_frame(std::span<const std::uint8_t> frame, ParsedFrame& out) noexcept {
  if (frame.size() < ethernet_header_bytes) return FrameError::truncated;
  const auto header = load_wire<EthernetHeader>(frame.data());
  if (!header.source.is_unicast()) return FrameError::bad_source;
  out.to_group = header.destination.is_multicast();
  out.vlan_id = 0;
  out.l3_offset = ethernet_header_bytes;
  std::uint16_t type = header.type.host();
  if (type == static_cast<std::uint16_t>(EtherType::vlan)) {
    if (frame.size() < ethernet_header_bytes + vlan_tag_bytes) return FrameError::truncated;
    const auto tag = load_wire<VlanTag>(frame.data() + ethernet_header_bytes);
    out.vlan_id = tag.control.host() & 0x0fff;
    out.l3_offset = ethernet_header_bytes + vlan_tag_bytes;
    type = tag.type.host();
    if (type == static_cast<std::uint16_t>(EtherType::vlan)) return FrameError::double_tagged;
  }
  if (type == static_cast<std::uint16_t>(EtherType::provider_vlan)) return FrameError::double_tagged;
  if (type < 0x0600) return FrameError::not_ethernet2;
  out.type = static_cast<EtherType>(type);
  return FrameError::none;
}

}  // namespace sallyport::dataplane
