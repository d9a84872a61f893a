// Protocols as the API writes and reads them: "tcp", "icmp6", "47".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport::controlplane {

[[nodiscard]] std::string protocol_text(std::uint8_t protocol);
// A name, an IP protocol number, or "proto/47" as policies have it.
[[nodiscard]] std::optional<std::uint8_t> parse_protocol(std::string_view text);

inline constexpr std::string_view expected_protocol =
    "a protocol: tcp, udp, sctp, icmp, icmp6, gre, esp, ah or a number from 0 to 255";

}  // namespace sallyport::controlplane
