// Fragments in transit: what tells their datagrams apart, and which of them are made to deceive a filter.
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/packet/ip_parse.hpp"

namespace sallyport::dataplane {

// Of a fragment that parse_ip accepted: 16 bits for IPv4, 32 for IPv6. Without meaning for an IPv6 packet that has no
// fragment header (0).
[[nodiscard]] std::uint32_t fragment_identification(std::span<const std::uint8_t> packet, const ParsedIp& ip) noexcept;

// What a fragment carries of the datagram: behind the IPv4 header or the IPv6 fragment header. The next fragment may
// not begin before its offset plus this.
[[nodiscard]] inline std::uint32_t fragment_payload_bytes(const ParsedIp& ip) noexcept {
  return ip.total_bytes - (ip.is_v4() ? ip.header_bytes : ip.fragment_header_offset + 8U);
}

// The IPv4 header of every fragment but the first, RFC 791 section 3.2: of `header` (20 to 60 bytes) the fixed part as
// it is but for the header length, and those options that are to be copied, padded. Returns its length.
[[nodiscard]] std::size_t make_later_fragment_header(std::span<const std::uint8_t> header,
                                                     std::span<std::uint8_t, 60> out) noexcept;

enum class FragmentJudgement : std::uint8_t {
  harmless,     // or no fragment at all
  tiny_first,   // RFC 1858 section 3, RFC 7112: the first fragment does not hold the transport header
  overlapping,  // RFC 1858 section 4, RFC 3128: a later one begins where the transport header may be
};

// A later fragment that begins below this overlaps a TCP header (20 bytes, and fragments begin at multiples of 8). No
// honest one does, of whatever protocol: the least MTU leaves room for 48 bytes (RFC 791; options aside) or 1,232 (RFC
// 8200). So the protocol field, which may lie in later IPv6 fragments, is not asked.
inline constexpr std::uint16_t least_later_offset_bytes = 24;

// From one fragment alone. That later ones do not overlap the whole first one needs its memory: InnerFragments.
[[nodiscard]] FragmentJudgement judge_fragment(const ParsedIp& ip) noexcept;

}  // namespace sallyport::dataplane
