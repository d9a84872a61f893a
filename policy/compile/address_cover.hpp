// The prefixes that a policy speaks of: of services, of live endpoints, and of sources on inside ports.
#pragma once

#include <cstdint>
#include <vector>

#include "policy/decide.hpp"
#include "policy/model.hpp"
#include "policy/prefix_cover.hpp"

namespace sallyport::policy {

// Items are services, as indices into the policy; of a draining endpoint, the index + the number of services. A
// selector of everything makes the prefixes of length 0 known.
[[nodiscard]] PrefixCover address_cover(const Policy& policy, const Endpoints& endpoints, const Endpoints& draining);

// What covers an address, taken apart.
struct CoveringServices {
  std::vector<std::uint32_t> all;   // rising
  std::vector<std::uint32_t> open;  // without those for which it is a draining endpoint alone; rising
};
[[nodiscard]] CoveringServices covering_services(const Policy& policy, const std::vector<std::uint32_t>& items);

}  // namespace sallyport::policy
