// Answers to ping: RFC 792 and RFC 1122 section 3.2.2.6, RFC 4443 section 4.2.
#pragma once

#include "dataplane/packet/ip_parse.hpp"

namespace sallyport::dataplane {

enum class EchoResult : std::uint8_t {
  replied,           // the packet is now the reply
  not_echo_request,  // untouched; somebody else's business
  refused,           // a fragment, options or extension headers, a group as sender or receiver: untouched, drop it
  bad_checksum,      // untouched, drop it
};

// Turns an echo request that parse_ip accepted into its reply, in place: addresses swapped, TTL 64, Not-ECT, checksums
// right. The caller has decided that the destination is an address of ours.
[[nodiscard]] EchoResult make_echo_reply(std::span<std::uint8_t> packet, ParsedIp& ip) noexcept;

}  // namespace sallyport::dataplane
