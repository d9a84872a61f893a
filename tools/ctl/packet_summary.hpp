// One captured packet in a line: addresses, protocol, ports, and what kind of WireGuard message it is. The bytes come
// from a network: nothing is read beyond them, and what does not parse is called by its length.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::ctl {

// `ethernet`: starts with an Ethernet header, else with an IP header.
[[nodiscard]] std::string packet_summary(std::span<const std::uint8_t> bytes, bool ethernet);

// Hexadecimal text to bytes, as far as it is that.
[[nodiscard]] std::vector<std::uint8_t> bytes_of_hex(std::string_view text);

}  // namespace sallyport::ctl
