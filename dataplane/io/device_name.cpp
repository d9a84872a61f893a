#include "dataplane/io/device_name.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace sallyport::dataplane {
namespace {

constexpr std::uint16_t max_queue_pairs = 64;

bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); });
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return result;
}

std::uint16_t bounded_count(std::string_view text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return 1;
  return static_cast<std::uint16_t>(std::clamp<unsigned>(value, 1, max_queue_pairs));
}

}  // namespace

std::optional<std::string> canonical_pci_address(std::string_view text) {
  // [DDDD:]BB:DD.F
  const bool has_domain = std::count(text.begin(), text.end(), ':') == 2;
  std::string_view domain = "0000";
  if (has_domain) {
    domain = text.substr(0, text.find(':'));
    text.remove_prefix(domain.size() + 1);
  }
  if (domain.size() != 4 || text.size() != 7 || text[2] != ':' || text[5] != '.') return std::nullopt;
  const std::string_view bus = text.substr(0, 2);
  const std::string_view slot = text.substr(3, 2);
  const char function = text[6];
  if (!is_hex(domain) || !is_hex(bus) || !is_hex(slot) || function < '0' || function > '7') return std::nullopt;
  return lower(domain) + ':' + lower(text);
}

DeviceName DeviceName::parse(std::string_view device) {
  DeviceName result;
  const std::size_t comma = device.find(',');
  const std::string_view name = device.substr(0, comma);
  if (comma != std::string_view::npos) result.arguments = device.substr(comma + 1);
  const auto pci = canonical_pci_address(name);
  result.is_pci = pci.has_value();
  result.name = pci.value_or(std::string(name));

  constexpr std::array<std::string_view, 3> pair_keys = {"qpairs", "queue_count", "queues"};
  std::uint16_t rx_pcaps = 0;
  for (std::string_view rest = result.arguments; !rest.empty();) {
    const std::string_view argument = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), argument.size() + 1));
    const std::size_t equals = argument.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view key = argument.substr(0, equals);
    const std::string_view value = argument.substr(equals + 1);
    if (key == "slave" || key == "member") {
      ++result.slaves;
      if (const auto slave = canonical_pci_address(value)) result.pci_slaves.push_back(*slave);
    } else if (std::find(pair_keys.begin(), pair_keys.end(), key) != pair_keys.end()) {
      result.queue_pairs = bounded_count(value);
    } else if (key == "rx_pcap" || key == "rx_iface") {
      rx_pcaps = std::min<std::uint16_t>(static_cast<std::uint16_t>(rx_pcaps + 1), max_queue_pairs);
    }
  }
  result.queue_pairs = std::max(result.queue_pairs, rx_pcaps);
  return result;
}

std::string_view DeviceName::driver() const {
  if (is_pci) return {};
  const std::string_view whole = name;
  const std::size_t last = whole.find_last_not_of("0123456789");
  return last == std::string_view::npos ? std::string_view{} : whole.substr(0, last + 1);
}

}  // namespace sallyport::dataplane
