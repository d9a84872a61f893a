// The segment that refuses a connection on behalf of its destination: RFC 9293 section 3.10.7.1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/packet/ip_parse.hpp"

namespace sallyport::dataplane {

inline constexpr std::size_t max_tcp_reset_bytes = 60;

// `offending` is the packet as it arrived, accepted by parse_ip as `ip`. Writes an IP packet with TTL 64 and right
// checksums into `out` (60 bytes always suffice), addresses and ports swapped, and returns its length; 0 if there must
// be none: about a RST, a fragment, a header that is cut off, what is not TCP, or to or about a group or broadcast
// address. Rates are the caller's business. The checksum of the offender is not verified: a RST with damaged ports or
// numbers fits no connection.
[[nodiscard]] std::size_t build_tcp_reset(std::span<std::uint8_t> out, std::span<const std::uint8_t> offending,
                                          const ParsedIp& ip) noexcept;

}  // namespace sallyport::dataplane
