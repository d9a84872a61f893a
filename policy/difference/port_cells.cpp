#include "policy/difference/port_cells.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>

#include "policy/protocols.hpp"

namespace sallyport::policy {
namespace {

constexpr std::uint32_t all_ports = 0x10000;

// Where cells begin, of each protocol.
using Beginnings = std::map<std::uint16_t, std::set<std::uint32_t>>;

void cut(Beginnings& beginnings, const abi::PortRange& range) {
  auto& of_protocol = beginnings[range.protocol];
  of_protocol.insert(0);
  if (!counts_ports(range.protocol)) return;
  of_protocol.insert(range.first);
  of_protocol.insert(range.last + std::uint32_t{1});
}

}  // namespace

std::vector<abi::PortRange> port_cells(std::span<const abi::PortRange> targets, std::span<const abi::PortRange> cuts) {
  Beginnings beginnings;
  for (const abi::PortRange& range : targets) cut(beginnings, range);
  for (const abi::PortRange& range : cuts) cut(beginnings, range);

  std::vector<abi::PortRange> cells;
  for (const auto& [protocol, firsts] : beginnings) {
    for (auto first = firsts.begin(); first != firsts.end() && *first < all_ports; ++first) {
      const auto next = std::next(first);
      const std::uint32_t end = next == firsts.end() ? all_ports : *next;
      const abi::PortRange cell{protocol, static_cast<std::uint16_t>(*first), static_cast<std::uint16_t>(end - 1)};
      if (std::any_of(targets.begin(), targets.end(), [&](const auto& range) { return covers_cell(range, cell); })) {
        cells.push_back(cell);
      }
    }
  }
  return cells;
}

bool covers_cell(const abi::PortRange& range, const abi::PortRange& cell) {
  if (range.protocol != cell.protocol && range.protocol != abi::any_protocol) return false;
  return !counts_ports(cell.protocol) || (range.first <= cell.first && cell.last <= range.last);
}

bool covers_cell(const Service& service, const abi::PortRange& cell) {
  return std::any_of(service.ports.begin(), service.ports.end(),
                     [&](const abi::PortRange& range) { return covers_cell(range, cell); });
}

}  // namespace sallyport::policy
