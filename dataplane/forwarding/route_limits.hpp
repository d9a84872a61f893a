// How large a RouteTable is: its limits, and the memory that they cost. No DPDK in here, so that tools can say it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dataplane/forwarding/prefix_trie.hpp"
#include "dataplane/forwarding/route_entry.hpp"

namespace sallyport::dataplane {

struct RouteLimits {
  std::uint32_t max_hosts = 131072;    // /32 and /128, of each family
  std::uint32_t max_prefixes = 16384;  // all other lengths, both families together
};

// Beyond one for each route: those that are replaced wait for a grace period while their successors are in place.
inline constexpr std::uint32_t spare_entries = 4096;
inline constexpr std::uint32_t spare_nodes = 1024;
inline constexpr std::uint32_t default_route_entries = 2;
constexpr std::uint32_t route_entries_for(const RouteLimits& limits) noexcept {
  return 1 + 2 * limits.max_hosts + limits.max_prefixes + default_route_entries + spare_entries;
}

// A prefix needs 1.5 nodes for IPv4 at most and, for IPv6, 2 to 6 if nothing near it exists; prefixes of one site
// share.
constexpr std::uint32_t trie_nodes_for(const RouteLimits& limits) noexcept {
  return 2 * limits.max_prefixes + spare_nodes;
}

// A removed host keeps its slot until a grace period has passed.
constexpr std::uint32_t host_slots_for(const RouteLimits& limits) noexcept {
  return limits.max_hosts + limits.max_hosts / 16 + 256;
}

constexpr std::size_t hash_bytes(const RouteLimits& limits, std::size_t key_bytes) noexcept {
  std::size_t slots = 8;
  while (slots < host_slots_for(limits) + std::size_t{1}) slots *= 2;
  const std::size_t key_slot = (8 + key_bytes + 15) / 16 * 16;
  // Keys; buckets and as many extension buckets (64 bytes for 8 keys); index rings; the defer queue of 16-byte
  // elements. What does not grow with the slots is twice as much in DPDK 24.11 as in 22.11.
  return slots * (key_slot + 8 + 8 + 4 + 4 + 2 + 16) + 131072;
}

// What RouteTable::create() takes from DPDK's memory, an upper bound.
constexpr std::size_t route_table_bytes(const RouteLimits& limits) noexcept {
  return route_entries_for(limits) * sizeof(RouteEntry) + trie_nodes_for(limits) * sizeof(TrieNode) +
         2 * trie_root_slots * sizeof(TrieSlot) + hash_bytes(limits, 4) + hash_bytes(limits, 16);
}

}  // namespace sallyport::dataplane
