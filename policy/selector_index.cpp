#include "policy/selector_index.hpp"

#include <algorithm>

#include "policy/spiffe_pattern.hpp"

namespace sallyport::policy {
namespace {

// Unambiguous whatever bytes a token puts into its claims.
std::string claim_key(const std::string& issuer, const std::string& key, const std::string& value) {
  return std::to_string(issuer.size()) + ':' + std::to_string(key.size()) + ':' + issuer + key + value;
}

template <typename Map, typename Key>
void append(const Map& map, const Key& key, std::vector<std::uint32_t>& found) {
  const auto items = map.find(key);
  if (items != map.end()) found.insert(found.end(), items->second.begin(), items->second.end());
}

}  // namespace

void SelectorIndex::add(const Selector& selector, std::uint32_t item) {
  switch (selector.kind) {
    case SelectorKind::any:
      any_.push_back(item);
      return;
    case SelectorKind::net:
      nets_[selector.net.network()].push_back(item);
      net_lengths_.emplace(selector.net.address.family, selector.net.length);
      return;
    case SelectorKind::user:
    case SelectorKind::service_account:
    case SelectorKind::ike:
      names_[selector.text].push_back(item);
      return;
    case SelectorKind::spiffe:
      add_pattern(selector, item);
      return;
    case SelectorKind::claim:
      claims_[claim_key(selector.issuer, selector.key, selector.value)].push_back(item);
      return;
    case SelectorKind::tag:
      tags_[selector.value].push_back(item);
      return;
    case SelectorKind::peer:
      peers_[selector.value].push_back(item);
      return;
    case SelectorKind::group:
      return;
  }
}

void SelectorIndex::add_pattern(const Selector& selector, std::uint32_t item) {
  const std::size_t star = selector.text.find('*');
  if (star == std::string::npos) {
    names_[selector.text].push_back(item);
    return;
  }
  auto& patterns = patterns_[star][selector.text.substr(0, star)];
  auto same = std::find_if(patterns.begin(), patterns.end(),
                           [&](const Pattern& pattern) { return pattern.text == selector.text; });
  if (same == patterns.end()) same = patterns.insert(same, {selector.text, {}});
  same->items.push_back(item);
}

std::vector<std::uint32_t> SelectorIndex::matching(const Facts& facts) const {
  Items found = any_;
  for (const std::string& name : facts.names) {
    append(names_, name, found);
    find_patterns(name, found);
  }
  for (const std::string& tag : facts.tags) append(tags_, tag, found);
  for (const Claim& claim : facts.claims) {
    for (const std::string& value : claim.values) append(claims_, claim_key(claim.issuer, claim.key, value), found);
  }
  if (!facts.peer.empty()) append(peers_, facts.peer, found);
  if (facts.net.address.is_set()) find_nets(facts.net, found);

  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

void SelectorIndex::find_patterns(std::string_view name, Items& found) const {
  for (const auto& [length, by_beginning] : patterns_) {
    if (name.size() <= length) return;
    const auto patterns = by_beginning.find(std::string(name.substr(0, length)));
    if (patterns == by_beginning.end()) continue;
    for (const Pattern& pattern : patterns->second) {
      if (spiffe_pattern_matches(pattern.text, name)) {
        found.insert(found.end(), pattern.items.begin(), pattern.items.end());
      }
    }
  }
}

void SelectorIndex::find_nets(const IpPrefix& net, Items& found) const {
  for (const auto& [family, length] : net_lengths_) {
    if (family != net.address.family || length > net.length) continue;
    append(nets_, IpPrefix{net.address, length}.network(), found);
  }
}

}  // namespace sallyport::policy
