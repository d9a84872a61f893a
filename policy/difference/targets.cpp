#include "policy/difference/targets.hpp"

#include <algorithm>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "policy/destination_parts.hpp"
#include "policy/difference/port_cells.hpp"
#include "policy/ports.hpp"

namespace sallyport::policy {
namespace {

// The services of both versions under one numbering: those of the older one first.
class Targets {
 public:
  Targets(const Policy& before, const Policy& after, const Endpoints& endpoints)
      : services_(all_services(before, after)),
        first_after_(static_cast<std::uint32_t>(before.services.size())),
        parts_(services_, endpoints) {}

  std::vector<Target> list() const {
    std::vector<std::vector<std::uint32_t>> same;
    std::unordered_map<std::string_view, std::size_t> places;
    for (std::uint32_t i = 0; i < services_.size(); ++i) {
      const auto [place, is_new] = places.emplace(services_[i]->name, same.size());
      if (is_new) same.emplace_back();
      same[place->second].push_back(i);
    }
    std::vector<Target> targets;
    for (const auto& service : same) targets.push_back(target(service));
    const abi::PortRange everything{abi::any_protocol, 0, 0xffff};
    targets.push_back({.ranges = {everything}, .cells = {{everything, {TargetCase{}}}}});
    return targets;
  }

 private:
  static std::vector<const Service*> all_services(const Policy& before, const Policy& after) {
    std::vector<const Service*> result;
    for (const Service& service : before.services) result.push_back(&service);
    for (const Service& service : after.services) result.push_back(&service);
    return result;
  }

  [[nodiscard]] Target target(const std::vector<std::uint32_t>& same) const {
    Target result{.service = services_[same.front()]->name};
    for (const std::uint32_t i : same) {
      for (const abi::PortRange& range : services_[i]->ports) add_range(range, result.ranges);
    }
    const std::vector<DestinationPart> parts = parts_.of(same);
    for (const abi::PortRange& cell : port_cells(result.ranges, ports_of(parts))) {
      result.cells.push_back({cell, cases(parts, cell)});
    }
    return result;
  }

  static void add_range(const abi::PortRange& range, std::vector<abi::PortRange>& ranges) {
    const std::string text = to_string(range);
    if (std::none_of(ranges.begin(), ranges.end(), [&](const auto& known) { return to_string(known) == text; })) {
      ranges.push_back(range);
    }
  }

  [[nodiscard]] std::vector<abi::PortRange> ports_of(const std::vector<DestinationPart>& parts) const {
    std::vector<bool> seen(services_.size());
    std::vector<abi::PortRange> ports;
    for (const DestinationPart& part : parts) {
      for (const std::uint32_t i : part.services) {
        if (seen[i]) continue;
        seen[i] = true;
        ports.insert(ports.end(), services_[i]->ports.begin(), services_[i]->ports.end());
      }
    }
    return ports;
  }

  // Parts that differ only in services with other ports are one case.
  [[nodiscard]] std::vector<TargetCase> cases(const std::vector<DestinationPart>& parts,
                                              const abi::PortRange& cell) const {
    std::set<std::pair<std::vector<std::uint32_t>, std::vector<std::uint32_t>>> seen;
    std::vector<TargetCase> result;
    for (const DestinationPart& part : parts) {
      TargetCase one{.address = part.address};
      for (const std::uint32_t i : part.services) {
        if (!covers_cell(*services_[i], cell)) continue;
        if (i < first_after_) {
          one.before.push_back(i);
        } else {
          one.after.push_back(i - first_after_);
        }
      }
      if (seen.emplace(one.before, one.after).second) result.push_back(std::move(one));
    }
    return result;
  }

  std::vector<const Service*> services_;
  std::uint32_t first_after_;
  DestinationParts parts_;
};

}  // namespace

std::vector<Target> difference_targets(const Policy& before, const Policy& after, const Endpoints& endpoints) {
  return Targets(before, after, endpoints).list();
}

}  // namespace sallyport::policy
