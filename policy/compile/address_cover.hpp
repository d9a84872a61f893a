// The prefixes that a policy speaks of: of services, of live endpoints, and of sources on inside ports.
#pragma once

#include "policy/decide.hpp"
#include "policy/model.hpp"
#include "policy/prefix_cover.hpp"

namespace sallyport::policy {

// Items are services, as indices into the policy. A selector of everything makes the prefixes of length 0 known.
[[nodiscard]] PrefixCover address_cover(const Policy& policy, const Endpoints& endpoints);

}  // namespace sallyport::policy
