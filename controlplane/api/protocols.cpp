#include "controlplane/api/protocols.hpp"

#include <array>
#include <charconv>

namespace sallyport::controlplane {
namespace {

struct Protocol {
  std::string_view name;
  std::uint8_t number;
};
// The first name of a number is the one that is written.
constexpr std::array protocols = {Protocol{"tcp", 6},  Protocol{"udp", 17},   Protocol{"sctp", 132},
                                  Protocol{"icmp", 1}, Protocol{"icmp6", 58}, Protocol{"gre", 47},
                                  Protocol{"esp", 50}, Protocol{"ah", 51},    Protocol{"icmpv6", 58}};

}  // namespace

bool has_ports(unsigned protocol) {
  return protocol == 6 || protocol == 17 || protocol == 132;
}

std::string protocol_text(unsigned protocol) {
  for (const Protocol& known : protocols)
    if (known.number == protocol) return std::string(known.name);
  return protocol == abi::any_protocol ? "*" : std::to_string(protocol);
}

std::optional<std::uint8_t> parse_protocol(std::string_view text) {
  for (const Protocol& known : protocols)
    if (known.name == text) return known.number;
  std::uint8_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string port_range_text(const abi::PortRange& range) {
  std::string text = protocol_text(range.protocol);
  if (!has_ports(range.protocol)) return text;
  text += '/' + (range.first == 0 && range.last == 0xffff ? "*" : std::to_string(range.first));
  if (range.first != range.last && text.back() != '*') text += '-' + std::to_string(range.last);
  return text;
}

}  // namespace sallyport::controlplane
