#include "policy/destination_parts.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace sallyport::policy {
namespace {

// A peer that has what the selector asks for and nothing else.
std::optional<Facts> facts_for(const Selector& selector) {
  switch (selector.kind) {
    case SelectorKind::any:
      return Facts{};
    case SelectorKind::user:
    case SelectorKind::service_account:
    case SelectorKind::ike:
      return Facts{.names = {selector.text}};
    case SelectorKind::spiffe: {
      std::string name = selector.text;
      std::replace(name.begin(), name.end(), '*', 'x');
      return Facts{.names = {name}};
    }
    case SelectorKind::claim:
      return Facts{.claims = {{selector.issuer, selector.key, {selector.value}}}};
    case SelectorKind::tag:
      return Facts{.tags = {selector.value}};
    case SelectorKind::peer:
      return Facts{.peer = selector.value};
    case SelectorKind::net:
    case SelectorKind::group:
      return std::nullopt;
  }
  return std::nullopt;
}

void add_part(DestinationPart part, std::vector<DestinationPart>& parts) {
  std::sort(part.services.begin(), part.services.end());
  part.services.erase(std::unique(part.services.begin(), part.services.end()), part.services.end());
  parts.push_back(std::move(part));
}

void append(std::vector<std::uint32_t>& to, const std::vector<std::uint32_t>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

}  // namespace

DestinationParts::DestinationParts(std::vector<const Service*> services, const Endpoints& endpoints)
    : services_(std::move(services)), endpoints_(&endpoints) {
  for (std::uint32_t i = 0; i < services_.size(); ++i) {
    for (const IpPrefix& prefix : prefixes_of(*services_[i])) {
      cover_.add(prefix, i);
      if (prefix.length == 0) (prefix.address.is_v4() ? everything_v4_ : everything_v6_).push_back(i);
    }
    for (const Selector& selector : services_[i]->identities) identities_.add(selector, i);
  }
  cover_.build();
}

std::vector<IpPrefix> DestinationParts::prefixes_of(const Service& service) const {
  std::vector<IpPrefix> prefixes = service.prefixes;
  const auto live = service.endpoints ? endpoints_->find(service.name) : endpoints_->end();
  if (live != endpoints_->end()) prefixes.insert(prefixes.end(), live->second.begin(), live->second.end());
  return prefixes;
}

std::vector<DestinationPart> DestinationParts::of(std::span<const std::uint32_t> service) const {
  std::vector<DestinationPart> parts;
  std::set<std::uint32_t> seen;  // sets of cover_
  bool is_live = false;
  for (const std::uint32_t index : service) {
    for (const IpPrefix& prefix : prefixes_of(*services_[index])) {
      const std::size_t first = cover_.find(prefix);
      for (std::size_t i = first; i < cover_.prefixes()[first].end; ++i) {
        const CoveredPrefix& covered = cover_.prefixes()[i];
        if (!covered.own_address || !seen.insert(covered.set).second) continue;
        parts.push_back({cover_.sets()[covered.set], covered.own_address});
      }
    }
    is_live = is_live || (services_[index]->endpoints && !endpoints_->contains(services_[index]->name));
    for (const Selector& selector : services_[index]->identities) {
      if (const auto peer = facts_for(selector)) add_unknown_address(identities_.matching(*peer), parts);
    }
  }
  if (is_live || parts.empty()) add_unknown_address({service.begin(), service.end()}, parts);
  return parts;
}

void DestinationParts::add_unknown_address(Items services, std::vector<DestinationPart>& parts) const {
  Items v6 = services;
  append(services, everything_v4_);
  append(v6, everything_v6_);
  add_part({std::move(services), std::nullopt}, parts);
  if (everything_v4_ != everything_v6_) add_part({std::move(v6), std::nullopt}, parts);
}

}  // namespace sallyport::policy
