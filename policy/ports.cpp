#include "policy/ports.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "config/toml/value.hpp"
#include "policy/text_mismatch.hpp"

namespace sallyport::policy {
namespace {

constexpr std::uint16_t highest_port = 65535;
constexpr std::uint16_t highest_protocol = 255;

struct Protocol {
  std::string_view name;
  std::uint16_t number;  // of the IANA's protocol numbers
  bool has_ports;
};
constexpr Protocol protocols[] = {
    {"tcp", 6, true}, {"udp", 17, true}, {"sctp", 132, true}, {"icmp", 1, false}, {"icmp6", 58, false},
};

std::optional<std::uint16_t> parse_number(std::string_view text, std::uint16_t least, std::uint16_t most) {
  std::uint16_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < least || value > most) return std::nullopt;
  return value;
}

abi::PortRange every_port_of(std::uint16_t protocol, bool has_ports) {
  return {protocol, static_cast<std::uint16_t>(has_ports ? 1 : 0), highest_port};
}

std::optional<abi::PortRange> parse_range(std::uint16_t protocol, std::string_view text) {
  const auto dash = text.find('-');
  const auto first = parse_number(text.substr(0, dash), 1, highest_port);
  const auto last = dash == std::string_view::npos ? first : parse_number(text.substr(dash + 1), 1, highest_port);
  if (!first || !last || *last < *first) return std::nullopt;
  return abi::PortRange{protocol, *first, *last};
}

std::optional<abi::PortRange> parse_numbered_protocol(std::string_view text) {
  const auto number = parse_number(text, 0, highest_protocol);
  if (!number) return std::nullopt;
  for (const Protocol& protocol : protocols)
    if (protocol.number == *number) return every_port_of(*number, protocol.has_ports);
  return every_port_of(*number, false);
}

std::optional<abi::PortRange> parse(std::string_view text) {
  if (text == "*") return every_port_of(abi::any_protocol, false);
  const auto slash = text.find('/');
  const std::string_view name = text.substr(0, slash);
  const bool whole = slash == std::string_view::npos;
  if (name == "proto" && !whole) return parse_numbered_protocol(text.substr(slash + 1));
  for (const Protocol& protocol : protocols) {
    if (protocol.name != name) continue;
    if (whole) return every_port_of(protocol.number, protocol.has_ports);
    return protocol.has_ports ? parse_range(protocol.number, text.substr(slash + 1)) : std::nullopt;
  }
  return std::nullopt;
}

bool has_ports(std::uint16_t protocol) {
  return std::any_of(std::begin(protocols), std::end(protocols),
                     [&](const Protocol& known) { return known.number == protocol && known.has_ports; });
}

}  // namespace

tl::expected<abi::PortRange, std::string> parse_ports(std::string_view text) {
  const auto ports = parse(text);
  if (!ports)
    return mismatch(
        "ports such as \"tcp/8080\", \"udp/8000-8100\" (1 to 65535), \"sctp\", \"icmp\", \"icmp6\", "
        "\"proto/47\" or \"*\"",
        text);
  return *ports;
}

tl::expected<abi::PortRange, std::string> parse_port(std::string_view text) {
  const auto port = parse(text);
  const bool one =
      port && port->protocol != abi::any_protocol && (!has_ports(port->protocol) || port->first == port->last);
  if (!one) return mismatch("one port such as \"tcp/8080\", or \"icmp\", \"icmp6\" or \"proto/47\"", text);
  return *port;
}

std::vector<abi::PortRange> merged(std::vector<abi::PortRange> ports) {
  std::sort(ports.begin(), ports.end(), [](const abi::PortRange& a, const abi::PortRange& b) {
    return a.protocol != b.protocol ? a.protocol < b.protocol : a.first < b.first;
  });
  if (!ports.empty() && ports.back().protocol == abi::any_protocol) return {ports.back()};
  std::vector<abi::PortRange> result;
  for (const abi::PortRange& next : ports) {
    if (result.empty() || result.back().protocol != next.protocol || next.first > result.back().last + 1) {
      result.push_back(next);
    } else {
      result.back().last = std::max(result.back().last, next.last);
    }
  }
  return result;
}

std::string to_string(const abi::PortRange& ports) {
  if (ports.protocol == abi::any_protocol) return "*";
  for (const Protocol& protocol : protocols) {
    if (protocol.number != ports.protocol) continue;
    std::string text(protocol.name);
    if (!protocol.has_ports || (ports.first <= 1 && ports.last == highest_port)) return text;
    text += '/' + std::to_string(ports.first);
    return ports.first == ports.last ? text : text + '-' + std::to_string(ports.last);
  }
  return "proto/" + std::to_string(ports.protocol);
}

}  // namespace sallyport::policy
