// A service is many addresses, and other services may share some of them. Its parts are the places that differ in which
// services they belong to: what is true at one address of a part is true in all of it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "policy/decide.hpp"
#include "policy/model.hpp"
#include "policy/prefix_cover.hpp"
#include "policy/selector_index.hpp"

namespace sallyport::policy {

struct DestinationPart {
  std::vector<std::uint32_t> services;  // rising
  std::optional<IpAddress> address;     // one of them; nothing: not known, of a live service or a peer
};

class DestinationParts {
 public:
  // Services are spoken of by their indices here. They must stay where they are.
  DestinationParts(std::vector<const Service*> services, const Endpoints& endpoints);

  // `service` may be of several versions of a policy: indices of all services that are the same one. Where no address
  // is known, only these, the services of everything and those of the same peers are there. Never empty.
  [[nodiscard]] std::vector<DestinationPart> of(std::span<const std::uint32_t> service) const;

 private:
  using Items = std::vector<std::uint32_t>;
  [[nodiscard]] std::vector<IpPrefix> prefixes_of(const Service& service) const;
  // With the services of everything, of each family.
  void add_unknown_address(Items services, std::vector<DestinationPart>& parts) const;

  std::vector<const Service*> services_;
  const Endpoints* endpoints_;
  PrefixCover cover_;
  SelectorIndex identities_;
  Items everything_v4_;  // services with 0.0.0.0/0
  Items everything_v6_;
};

}  // namespace sallyport::policy
