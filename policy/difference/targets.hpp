// What a difference asks about: every service of both versions, its port ranges, and the cases in which a packet to one
// of them may be decided differently.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "policy/decide.hpp"
#include "policy/model.hpp"

namespace sallyport::policy {

// A packet belongs to these services, all of which match its port.
struct TargetCase {
  std::vector<std::uint32_t> before, after;  // indices into each version's services, rising
  std::optional<IpAddress> address;          // an example; nothing: not known
};
struct TargetCell {
  abi::PortRange ports;
  std::vector<TargetCase> cases;
};
struct Target {
  std::string service;                 // empty: whatever belongs to no service
  std::vector<abi::PortRange> ranges;  // as either version has them
  std::vector<TargetCell> cells;
};

// In the order of the older version's services, then those that are new, then the target without a service.
[[nodiscard]] std::vector<Target> difference_targets(const Policy& before, const Policy& after,
                                                     const Endpoints& endpoints);

}  // namespace sallyport::policy
