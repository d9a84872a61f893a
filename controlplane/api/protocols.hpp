// Protocols and ports as the API writes and reads them: "tcp", "icmp6", "47"; "tcp/8080", "udp/5000-5100", "icmp".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "dataplane/abi/policy_commands.hpp"

namespace sallyport::controlplane {

// TCP, UDP and SCTP.
[[nodiscard]] bool has_ports(unsigned protocol);
[[nodiscard]] std::string protocol_text(unsigned protocol);
// A name, or an IP protocol number.
[[nodiscard]] std::optional<std::uint8_t> parse_protocol(std::string_view text);
[[nodiscard]] std::string port_range_text(const abi::PortRange& range);

inline constexpr std::string_view expected_protocol =
    "a protocol: tcp, udp, sctp, icmp, icmp6, gre, esp, ah or a number from 0 to 255";

}  // namespace sallyport::controlplane
