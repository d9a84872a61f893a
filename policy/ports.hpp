// Ports as text: "tcp/8080", "tcp/8000-8100", "udp", "icmp", "proto/47", "*".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "policy/model.hpp"

namespace sallyport::policy {

// The error is "expected X, got the string "..."".
[[nodiscard]] tl::expected<abi::PortRange, std::string> parse_ports(std::string_view text);
// One port of TCP, UDP or SCTP, or another protocol as a whole: what a test can ask for.
[[nodiscard]] tl::expected<abi::PortRange, std::string> parse_port(std::string_view text);

// Sorted, without overlaps, neighbours joined. "*" takes all others in.
[[nodiscard]] std::vector<abi::PortRange> merged(std::vector<abi::PortRange> ports);

// As people write it.
[[nodiscard]] std::string to_string(const abi::PortRange& ports);

}  // namespace sallyport::policy
