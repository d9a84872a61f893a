#include "policy/compile/address_cover.hpp"

namespace sallyport::policy {
namespace {

void add_source(const Selector& selector, PrefixCover& cover) {
  if (selector.kind == SelectorKind::net) cover.add(selector.net);
  if (selector.kind == SelectorKind::any) {
    cover.add({IpAddress{.family = IpFamily::v4}, 0});
    cover.add({IpAddress{.family = IpFamily::v6}, 0});
  }
}

}  // namespace

PrefixCover address_cover(const Policy& policy, const Endpoints& endpoints) {
  PrefixCover cover;
  for (std::uint32_t i = 0; i < policy.services.size(); ++i) {
    const Service& service = policy.services[i];
    for (const IpPrefix& prefix : service.prefixes) cover.add(prefix, i);
    const auto live = service.endpoints ? endpoints.find(service.name) : endpoints.end();
    if (live == endpoints.end()) continue;
    for (const IpPrefix& prefix : live->second) cover.add(prefix, i);
  }
  for (const Rule& rule : policy.rules) {
    for (const Selector& selector : rule.from) add_source(selector, cover);
  }
  cover.build();
  return cover;
}

}  // namespace sallyport::policy
