// The routes of the inner table: longest prefix match for both families. One writer (housekeeping), any number of
// readers (workers) without a lock; a change is visible to them at once and never stops one.
//
//   address -> rte_hash of hosts (/32, /128) -> prefix trie (/1 .. /31, /127) -> default route -> RouteIndex ->
//   RouteEntry
//
// A worker is a registered, online reader of the rte_rcu_qsbr given at creation, and may use what a look-up gave until
// its next quiescent state. Look-ups need no EAL thread.
#pragma once

#include <rte_rcu_qsbr.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "config/base/ip.hpp"
#include "dataplane/forwarding/grace_queue.hpp"
#include "dataplane/forwarding/prefix_trie.hpp"
#include "dataplane/forwarding/route_entry.hpp"
#include "dataplane/forwarding/route_limits.hpp"

struct rte_hash;

namespace sallyport::dataplane {

enum class RouteError : std::uint8_t {
  none,
  invalid_prefix,  // no family, host bits set, or too long; or an entry of kind none
  not_found,
  too_many_hosts,
  too_many_prefixes,
  trie_full,  // the prefixes are so far apart that the trie's nodes are used up
  busy,       // freed entries or nodes still wait for a grace period: the same call will succeed soon
};
[[nodiscard]] const char* to_string(RouteError error) noexcept;

class RouteTable {
 public:
  // `name` makes the DPDK objects' names (8 characters at most). The error says what could not be allocated.
  [[nodiscard]] static tl::expected<std::unique_ptr<RouteTable>, std::string> create(const RouteLimits& limits,
                                                                                     rte_rcu_qsbr* readers,
                                                                                     const std::string& name,
                                                                                     int socket_id);
  ~RouteTable();  // no reader is left
  RouteTable(const RouteTable&) = delete;
  RouteTable& operator=(const RouteTable&) = delete;

  // --- readers ---

  // One address of 4 or 16 bytes in network order each, at any alignment (in the packets, say). `out` is as long.
  void lookup_v4(std::span<const std::uint8_t* const> addresses, std::span<RouteIndex> out) const noexcept;
  void lookup_v6(std::span<const std::uint8_t* const> addresses, std::span<RouteIndex> out) const noexcept;
  [[nodiscard]] RouteIndex lookup(const IpAddress& address) const noexcept;
  [[nodiscard]] const RouteEntry& entry(RouteIndex index) const noexcept {
    return entries_[static_cast<std::uint32_t>(index)];
  }
  // Entries that exist; for a check of an index that came from elsewhere.

  // --- the writer ---

  // Adds a route or changes the one that is there. An error changes nothing.
  [[nodiscard]] RouteError set(const IpPrefix& prefix, const RouteEntry& entry) noexcept;
  [[nodiscard]] RouteError remove(const IpPrefix& prefix) noexcept;
  // The route of exactly this prefix.
  [[nodiscard]] std::optional<RouteEntry> get(const IpPrefix& prefix) const noexcept;
  // Takes back what no reader can hold any more; call it regularly. Bounded and never waits.
  void poll() noexcept;
  // All routes in order, for listings and for removing those of a peer. set() and remove() invalidate iterators as
  // std::map's insert and erase do.
  using Routes = std::map<IpPrefix, RouteIndex>;
  [[nodiscard]] const Routes& routes() const noexcept { return routes_; }
  [[nodiscard]] std::uint32_t host_count() const noexcept { return v4_.host_count + v6_.host_count; }
  [[nodiscard]] std::uint32_t prefix_count() const noexcept { return prefix_count_; }
  [[nodiscard]] std::size_t waiting_for_readers() const noexcept { return retired_.size(); }

 private:
  struct Family {
    rte_hash* hosts = nullptr;
    TrieSlot* root = nullptr;
    std::unique_ptr<PrefixTrie> trie;
    std::uint32_t host_count = 0;  // the writer's
    // The writer stores, readers load; relaxed, since they only choose between paths that are right at any time.
    std::atomic<bool> has_hosts{false};
    // The writer stores (release), readers load (acquire): the entry is complete before its index shows.
    std::atomic<std::uint32_t> default_route{0};
  };
  struct Retired {
    enum class Kind : std::uint8_t { entry, node } kind;
    std::uint32_t number;
  };

  RouteTable(const RouteLimits& limits, rte_rcu_qsbr* readers);
  [[nodiscard]] std::string allocate(const std::string& name, int socket_id);
  [[nodiscard]] std::string allocate_hosts(Family& family, const std::string& name, std::uint32_t key_bytes,
                                           int socket_id);
  void lookup_bulk(const Family& family, const std::uint8_t* const* keys, RouteIndex* out,
                   unsigned count) const noexcept;
  [[nodiscard]] Family& family_of(const IpAddress& address) noexcept { return address.is_v4() ? v4_ : v6_; }
  [[nodiscard]] RouteError room_for(const IpPrefix& prefix) noexcept;
  [[nodiscard]] bool publish(const IpPrefix& prefix, std::uint32_t index, bool is_new) noexcept;
  void unpublish(const IpPrefix& prefix) noexcept;
  void retire_entry(RouteIndex index) noexcept {
    retired_.retire({Retired::Kind::entry, static_cast<std::uint32_t>(index)});
  }

  RouteLimits limits_;
  rte_rcu_qsbr* readers_;
  std::uint32_t entry_capacity_;
  RouteEntry* entries_ = nullptr;
  TrieNode* node_memory_ = nullptr;
  std::unique_ptr<TrieNodes> nodes_;
  Family v4_;
  Family v6_;
  Routes routes_;
  std::uint32_t prefix_count_ = 0;
  std::vector<std::uint32_t> free_entries_;
  GraceQueue<Retired> retired_;
};

}  // namespace sallyport::dataplane
