// Neighbour solicitations and advertisements for IPv6 over Ethernet: RFC 4861 with every validity rule of section 7.1,
// RFC 4862 (duplicate address detection) and RFC 6980 (never fragmented). Router advertisements and redirects are not
// for us: a gateway is told its routes. Parsing says what a message means; NeighbourTable decides what it may change.
#pragma once

#include "config/base/ip.hpp"
#include "dataplane/packet/icmp6.hpp"
#include "dataplane/packet/ip_parse.hpp"

namespace sallyport::dataplane {

enum class NeighbourDiscoveryError : std::uint8_t {
  none,
  not_for_us,     // no solicitation and no advertisement: other ICMPv6, to be handled by others
  bad_hop_limit,  // not 255: it came through a router
  bad_code,
  fragmented,  // RFC 6980 section 5
  truncated,
  bad_checksum,
  bad_target,     // multicast, unspecified or loopback
  bad_option,     // of length zero, running beyond the end, or a link-layer address that is none
  bad_detection,  // unspecified source to another group than the solicited-node one, or with a link-layer option
  bad_solicited,  // an advertisement to a group that calls itself solicited
};

struct NeighbourMessage {
  Icmp6Type type{};  // neighbour_solicitation or neighbour_advertisement
  IpAddress source;  // unspecified: somebody checks whether `target` is taken
  IpAddress destination;
  IpAddress target;
  bool has_link_layer_address = false;
  MacAddress link_layer_address;  // source of a solicitation, target of an advertisement
  bool router = false;            // the three flags of an advertisement
  bool solicited = false;
  bool override_entry = false;

  [[nodiscard]] bool is_duplicate_address_detection() const noexcept { return source.is_unspecified(); }
};

// `packet` was accepted by parse_ip with parse_allow_unspecified_source.
[[nodiscard]] NeighbourDiscoveryError parse_neighbour_discovery(std::span<const std::uint8_t> packet,
                                                                const ParsedIp& ip, NeighbourMessage& out) noexcept;

// The builders write an untagged Ethernet frame of 86 bytes and return its length, or 0 if `out` is smaller or an
// address is not IPv6.
inline constexpr std::size_t neighbour_frame_bytes = ethernet_header_bytes + ipv6_header_bytes + 24 + 8;

// To the solicited-node group of `target`, or to `known_mac` and `target` itself to probe a neighbour.
[[nodiscard]] std::size_t build_neighbour_solicitation(std::span<std::uint8_t> out, const MacAddress& our_mac,
                                                       const IpAddress& our_address, const IpAddress& target,
                                                       const MacAddress* known_mac = nullptr) noexcept;
// The answer to a solicitation for an address of ours, `request.target`, which came in a frame from `request_mac`:
// solicited to the asker, or to all nodes if the asker has no address yet (RFC 4861 section 7.2.4). Router and override
// are set.
[[nodiscard]] std::size_t build_neighbour_advertisement(std::span<std::uint8_t> out, const MacAddress& our_mac,
                                                        const NeighbourMessage& request,
                                                        const MacAddress& request_mac) noexcept;
// Unsolicited, to all nodes (RFC 4861 section 7.2.6): after start and after a link came up.
[[nodiscard]] std::size_t build_neighbour_announcement(std::span<std::uint8_t> out, const MacAddress& our_mac,
                                                       const IpAddress& our_address) noexcept;

}  // namespace sallyport::dataplane
