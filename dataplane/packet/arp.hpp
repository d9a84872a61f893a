// Address resolution for IPv4 over Ethernet: RFC 826, with the probes and announcements of RFC 5227. Parsing says what
// a frame means; what it may change is NeighbourTable's decision.
#pragma once

#include "config/base/ip.hpp"
#include "dataplane/packet/ethernet.hpp"

namespace sallyport::dataplane {

enum class ArpOperation : std::uint16_t { request = 1, reply = 2 };

struct ArpWire {
  Be16 hardware_type{1};
  Be16 protocol_type{static_cast<std::uint16_t>(EtherType::ipv4)};
  std::uint8_t hardware_length = 6;
  std::uint8_t protocol_length = 4;
  Be16 operation;
  MacAddress sender_mac;
  Ipv4Bytes sender_address{};
  MacAddress target_mac;
  Ipv4Bytes target_address{};
};
inline constexpr std::size_t arp_bytes = 28;
inline constexpr std::size_t arp_frame_bytes = ethernet_header_bytes + arp_bytes;
static_assert(sizeof(ArpWire) == arp_bytes && WireStruct<ArpWire>);

enum class ArpError : std::uint8_t {
  none,
  truncated,
  not_ipv4_over_ethernet,  // hardware type, protocol type or their lengths
  bad_operation,           // neither request nor reply
  bad_sender_mac,          // group or zero
  bad_sender_address,      // multicast, broadcast, loopback; unspecified in a reply
  bad_target_address,      // unspecified, multicast, broadcast or loopback
};

struct ArpMessage {
  ArpOperation operation{};
  MacAddress sender_mac;
  IpAddress sender;       // unspecified in a probe (RFC 5227 section 2.1.1)
  MacAddress target_mac;  // meaningful in replies only
  IpAddress target;

  [[nodiscard]] bool is_probe() const noexcept { return sender.is_unspecified(); }
  [[nodiscard]] bool is_gratuitous() const noexcept { return sender == target; }
};

// `payload` begins behind the Ethernet header and may end in padding.
[[nodiscard]] ArpError parse_arp(std::span<const std::uint8_t> payload, ArpMessage& out) noexcept;

// The three builders write an untagged frame of 42 bytes and return its length, or 0 if `out` is smaller or an address
// is not IPv4.
// Who has `target`? Broadcast when `destination` is the broadcast MAC; unicast to probe a known neighbour.
[[nodiscard]] std::size_t build_arp_request(std::span<std::uint8_t> out, const MacAddress& our_mac,
                                            const IpAddress& our_address, const IpAddress& target,
                                            const MacAddress& destination = MacAddress::broadcast()) noexcept;
// The answer to a request for an address of ours, `request.target`.
[[nodiscard]] std::size_t build_arp_reply(std::span<std::uint8_t> out, const MacAddress& our_mac,
                                          const ArpMessage& request) noexcept;
// Tells everybody that `our_address` is here (RFC 5227 section 2.3): after start and after a link came up.
[[nodiscard]] std::size_t build_arp_announcement(std::span<std::uint8_t> out, const MacAddress& our_mac,
                                                 const IpAddress& our_address) noexcept;

}  // namespace sallyport::dataplane
