#include "policy/prefix_cover.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <tuple>

namespace sallyport::policy {
namespace {

bool nests_before(const IpPrefix& a, const IpPrefix& b) {
  return std::tie(a.address.family, a.address.bytes, a.length) < std::tie(b.address.family, b.address.bytes, b.length);
}

// The address after the last one of the prefix; nothing: that was the family's last.
std::optional<IpAddress> address_after(const IpPrefix& prefix) {
  IpAddress address = prefix.address;
  for (unsigned bit = prefix.length; bit-- > 0;) {
    const auto mask = static_cast<std::uint8_t>(0x80U >> (bit % 8));
    address.bytes[bit / 8] = static_cast<std::uint8_t>(address.bytes[bit / 8] ^ mask);
    if ((address.bytes[bit / 8] & mask) != 0) return address;
  }
  return std::nullopt;
}

std::vector<std::uint32_t> united(const std::vector<std::uint32_t>& a, const std::vector<std::uint32_t>& b) {
  std::vector<std::uint32_t> result;
  std::set_union(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(result));
  return result;
}

}  // namespace

void PrefixCover::build() {
  std::sort(pairs_.begin(), pairs_.end(), [](const Pair& a, const Pair& b) {
    return a.prefix == b.prefix ? a.item < b.item : nests_before(a.prefix, b.prefix);
  });
  nest();
  find_own_addresses();
  pairs_.clear();
}

// In this order the prefixes around the current one are a stack.
void PrefixCover::nest() {
  std::map<std::vector<std::uint32_t>, std::uint32_t> numbers{{{}, 0}};
  sets_ = {{}};
  std::vector<std::size_t> around;
  for (auto pair = pairs_.begin(); pair != pairs_.end();) {
    const IpPrefix prefix = pair->prefix;
    std::vector<std::uint32_t> items;
    for (; pair != pairs_.end() && pair->prefix == prefix; ++pair) {
      if (pair->item != no_item && (items.empty() || items.back() != pair->item)) items.push_back(pair->item);
    }
    while (!around.empty() && !prefixes_[around.back()].prefix.contains(prefix)) {
      prefixes_[around.back()].end = prefixes_.size();
      around.pop_back();
    }
    std::uint32_t set = around.empty() ? 0 : prefixes_[around.back()].set;
    if (!items.empty()) {
      const auto [entry, is_new] = numbers.emplace(united(sets_[set], items), static_cast<std::uint32_t>(sets_.size()));
      if (is_new) sets_.push_back(entry->first);
      set = entry->second;
    }
    around.push_back(prefixes_.size());
    prefixes_.push_back({.prefix = prefix, .set = set});
  }
  for (const std::size_t open : around) prefixes_[open].end = prefixes_.size();
}

void PrefixCover::find_own_addresses() {
  for (std::size_t i = 0; i < prefixes_.size(); ++i) {
    std::optional<IpAddress> candidate = prefixes_[i].prefix.address;
    // From one prefix inside to the next one beside it.
    for (std::size_t inner = i + 1; inner < prefixes_[i].end; inner = prefixes_[inner].end) {
      if (prefixes_[inner].prefix.address != candidate) break;
      candidate = address_after(prefixes_[inner].prefix);
    }
    if (candidate && prefixes_[i].prefix.contains(*candidate)) prefixes_[i].own_address = candidate;
  }
}

std::size_t PrefixCover::find(const IpPrefix& prefix) const {
  const auto found =
      std::lower_bound(prefixes_.begin(), prefixes_.end(), prefix.network(),
                       [](const CoveredPrefix& a, const IpPrefix& b) { return nests_before(a.prefix, b); });
  return static_cast<std::size_t>(found - prefixes_.begin());
}

}  // namespace sallyport::policy
