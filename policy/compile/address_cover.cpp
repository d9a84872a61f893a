#include "policy/compile/address_cover.hpp"

#include <algorithm>

namespace sallyport::policy {
namespace {

void add_source(const Selector& selector, PrefixCover& cover) {
  if (selector.kind == SelectorKind::net) cover.add(selector.net);
  if (selector.kind == SelectorKind::any) {
    cover.add({IpAddress{.family = IpFamily::v4}, 0});
    cover.add({IpAddress{.family = IpFamily::v6}, 0});
  }
}

void add_endpoints(const Service& service, const Endpoints& endpoints, std::uint32_t item, PrefixCover& cover) {
  const auto live = service.endpoints ? endpoints.find(service.name) : endpoints.end();
  if (live == endpoints.end()) return;
  for (const IpPrefix& prefix : live->second) cover.add(prefix, item);
}

}  // namespace

PrefixCover address_cover(const Policy& policy, const Endpoints& endpoints, const Endpoints& draining) {
  PrefixCover cover;
  const auto services = static_cast<std::uint32_t>(policy.services.size());
  for (std::uint32_t i = 0; i < services; ++i) {
    const Service& service = policy.services[i];
    for (const IpPrefix& prefix : service.prefixes) cover.add(prefix, i);
    add_endpoints(service, endpoints, i, cover);
    add_endpoints(service, draining, services + i, cover);
  }
  for (const Rule& rule : policy.rules) {
    for (const Selector& selector : rule.from) add_source(selector, cover);
  }
  cover.build();
  return cover;
}

CoveringServices covering_services(const Policy& policy, const std::vector<std::uint32_t>& items) {
  const auto services = static_cast<std::uint32_t>(policy.services.size());
  const auto draining = std::lower_bound(items.begin(), items.end(), services);
  CoveringServices result{.all = {items.begin(), draining}, .open = {items.begin(), draining}};
  for (auto item = draining; item != items.end(); ++item) result.all.push_back(*item - services);
  std::sort(result.all.begin(), result.all.end());
  result.all.erase(std::unique(result.all.begin(), result.all.end()), result.all.end());
  return result;
}

}  // namespace sallyport::policy
