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

std::string protocol_text(std::uint8_t protocol) {
  for (const Protocol& known : protocols)
    if (known.number == protocol) return std::string(known.name);
  return std::to_string(protocol);
}

std::optional<std::uint8_t> parse_protocol(std::string_view text) {
  for (const Protocol& known : protocols)
    if (known.name == text) return known.number;
  constexpr std::string_view numbered = "proto/";
  if (text.starts_with(numbered)) text.remove_prefix(numbered.size());
  std::uint8_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace sallyport::controlplane
