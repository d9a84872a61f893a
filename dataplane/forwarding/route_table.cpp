#include "dataplane/forwarding/route_table.hpp"

#include <rte_errno.h>
#include <rte_hash.h>
#include <rte_malloc.h>

#include <algorithm>
#include <cstring>

#include "config/base/check.hpp"

#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#endif

namespace sallyport::dataplane {
namespace {

// rte_hash hands an entry from the writer to a reader, released and acquired in a library that ThreadSanitizer does not
// see; so it is told.
#ifdef __SANITIZE_THREAD__
void tell_published(RouteEntry& entry) noexcept {
  __tsan_release(&entry);
}
void tell_found(RouteEntry& entry) noexcept {
  __tsan_acquire(&entry);
}
#else
void tell_published(RouteEntry& /*entry*/) noexcept {}
void tell_found(RouteEntry& /*entry*/) noexcept {}
#endif

// What poll() takes back at once, so that a mass removal does not hold up housekeeping.
constexpr std::size_t max_reclaimed_per_poll = 1024;

std::string dpdk_error(const std::string& what) {
  return "route table: no memory for " + what + ": " + rte_strerror(rte_errno);
}

RouteIndex index_of(const void* hash_data) noexcept {
  return static_cast<RouteIndex>(reinterpret_cast<std::uintptr_t>(hash_data));
}

}  // namespace

tl::expected<std::unique_ptr<RouteTable>, std::string> RouteTable::create(const RouteLimits& limits,
                                                                          rte_rcu_qsbr* readers,
                                                                          const std::string& name, int socket_id) {
  if (limits.max_hosts == 0 || limits.max_hosts > 1U << 26 || limits.max_prefixes == 0 ||
      limits.max_prefixes > 1U << 24)
    return tl::unexpected(std::string("route table: max_hosts must be 1 to 2^26 and max_prefixes 1 to 2^24"));
  std::unique_ptr<RouteTable> table(new RouteTable(limits, readers));
  if (auto error = table->allocate(name, socket_id); !error.empty()) return tl::unexpected(std::move(error));
  return table;
}

RouteTable::RouteTable(const RouteLimits& limits, rte_rcu_qsbr* readers)
    : limits_(limits),
      readers_(readers),
      entry_capacity_(route_entries_for(limits)),
      retired_(readers, std::size_t{entry_capacity_} + trie_nodes_for(limits)) {
  free_entries_.reserve(entry_capacity_);
  for (std::uint32_t index = entry_capacity_; index-- > 1;) free_entries_.push_back(index);
}

RouteTable::~RouteTable() {
  for (Family* family : {&v4_, &v6_}) {
    rte_hash_free(family->hosts);
    rte_free(family->root);
  }
  rte_free(node_memory_);
  rte_free(entries_);
}

std::string RouteTable::allocate(const std::string& name, int socket_id) {
  // Zeroed memory is a valid start for each: no route, value 0, kind none is then written out.
  entries_ = static_cast<RouteEntry*>(rte_zmalloc_socket(nullptr, entry_capacity_ * sizeof(RouteEntry), 64, socket_id));
  if (entries_ == nullptr) return dpdk_error("entries");
  std::fill_n(entries_, entry_capacity_, RouteEntry{});
  const std::uint32_t nodes = trie_nodes_for(limits_);
  node_memory_ = static_cast<TrieNode*>(rte_zmalloc_socket(nullptr, nodes * sizeof(TrieNode), 64, socket_id));
  if (node_memory_ == nullptr) return dpdk_error("the prefix trie");
  nodes_ = std::make_unique<TrieNodes>(node_memory_, nodes);
  for (Family* family : {&v4_, &v6_}) {
    const unsigned key_bytes = family == &v4_ ? 4 : 16;
    family->root =
        static_cast<TrieSlot*>(rte_zmalloc_socket(nullptr, trie_root_slots * sizeof(TrieSlot), 64, socket_id));
    if (family->root == nullptr) return dpdk_error("the prefix trie");
    family->trie = std::make_unique<PrefixTrie>(family->root, *nodes_, key_bytes);
    if (auto error = allocate_hosts(*family, name + (key_bytes == 4 ? "_hosts4" : "_hosts6"), key_bytes, socket_id);
        !error.empty())
      return error;
  }
  return {};
}

std::string RouteTable::allocate_hosts(Family& family, const std::string& name, std::uint32_t key_bytes,
                                       int socket_id) {
  rte_hash_parameters parameters{};
  parameters.name = name.c_str();
  parameters.entries = host_slots_for(limits_);
  parameters.key_len = key_bytes;
  parameters.socket_id = socket_id;
  // Extension buckets: every host up to the limit fits, whatever its hash.
  parameters.extra_flag = RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF | RTE_HASH_EXTRA_FLAGS_EXT_TABLE;
  family.hosts = rte_hash_create(&parameters);
  if (family.hosts == nullptr) return dpdk_error("hosts");
  rte_hash_rcu_config rcu{};
  rcu.v = readers_;
  rcu.mode = RTE_HASH_QSBR_MODE_DQ;  // never waits; as long as the table, so it cannot overflow
  if (rte_hash_rcu_qsbr_add(family.hosts, &rcu) != 0) return dpdk_error("the hosts' defer queue");
  return {};
}

// --- readers ---

void RouteTable::lookup_bulk(const Family& family, const std::uint8_t* const* keys, RouteIndex* out,
                             unsigned count) const noexcept {
  static_assert(PrefixTrie::max_burst == RTE_HASH_LOOKUP_BULK_MAX);
  std::uint64_t hits = 0;
  std::array<void*, PrefixTrie::max_burst> found;
  if (family.has_hosts.load(std::memory_order_relaxed)) {
    const void* hash_keys[PrefixTrie::max_burst];
    std::copy_n(keys, count, hash_keys);
    if (rte_hash_lookup_bulk_data(family.hosts, hash_keys, count, &hits, found.data()) < 0) hits = 0;
  }
  std::array<const std::uint8_t*, PrefixTrie::max_burst> missed_keys;
  std::array<std::uint32_t, PrefixTrie::max_burst> values;
  unsigned missed = 0;
  for (unsigned i = 0; i < count; ++i) {
    if ((hits >> i & 1) == 0) {
      missed_keys[missed++] = keys[i];
      continue;
    }
    out[i] = index_of(found[i]);
    tell_found(entries_[static_cast<std::uint32_t>(out[i])]);
  }
  if (missed == 0) return;
  family.trie->lookup_bulk(missed_keys.data(), values.data(), missed);
  const std::uint32_t fallback = family.default_route.load(std::memory_order_acquire);
  for (unsigned i = 0, next = 0; i < count; ++i) {
    if ((hits >> i & 1) != 0) continue;
    const std::uint32_t value = values[next++];
    out[i] = static_cast<RouteIndex>(value != 0 ? value : fallback);
  }
}

void RouteTable::lookup_v4(std::span<const std::uint8_t* const> addresses, std::span<RouteIndex> out) const noexcept {
  for (std::size_t at = 0; at < addresses.size(); at += PrefixTrie::max_burst)
    lookup_bulk(v4_, addresses.data() + at, out.data() + at,
                static_cast<unsigned>(std::min<std::size_t>(addresses.size() - at, PrefixTrie::max_burst)));
}

void RouteTable::lookup_v6(std::span<const std::uint8_t* const> addresses, std::span<RouteIndex> out) const noexcept {
  for (std::size_t at = 0; at < addresses.size(); at += PrefixTrie::max_burst)
    lookup_bulk(v6_, addresses.data() + at, out.data() + at,
                static_cast<unsigned>(std::min<std::size_t>(addresses.size() - at, PrefixTrie::max_burst)));
}

RouteIndex RouteTable::lookup(const IpAddress& address) const noexcept {
  if (!address.is_set()) return RouteIndex::none;
  const std::uint8_t* const key = address.bytes.data();
  RouteIndex result = RouteIndex::none;
  lookup_bulk(address.is_v4() ? v4_ : v6_, &key, &result, 1);
  return result;
}

// --- the writer ---

RouteError RouteTable::room_for(const IpPrefix& prefix) noexcept {
  const Family& family = family_of(prefix.address);
  if (prefix.is_host()) return family.host_count < limits_.max_hosts ? RouteError::none : RouteError::too_many_hosts;
  if (prefix.length == 0) return RouteError::none;
  if (prefix_count_ >= limits_.max_prefixes) return RouteError::too_many_prefixes;
  if (family.trie->nodes_needed(prefix.address.bytes.data(), prefix.length) <= nodes_->available())
    return RouteError::none;
  return retired_.size() == 0 ? RouteError::trie_full : RouteError::busy;
}

RouteError RouteTable::set(const IpPrefix& prefix, const RouteEntry& entry) noexcept {
  if (!prefix.valid() || prefix.has_host_bits() || entry.kind == NextHopKind::none) return RouteError::invalid_prefix;
  const auto existing = routes_.find(prefix);
  const bool is_new = existing == routes_.end();
  if (!is_new && entries_[static_cast<std::uint32_t>(existing->second)] == entry) return RouteError::none;
  if (retired_.size() != 0) poll();
  if (is_new)
    if (const RouteError error = room_for(prefix); error != RouteError::none) return error;
  if (free_entries_.empty()) return RouteError::busy;

  const std::uint32_t index = free_entries_.back();
  entries_[index] = entry;
  if (!publish(prefix, index, is_new)) return RouteError::busy;  // a host's slot waits for a grace period
  free_entries_.pop_back();
  if (is_new) {
    routes_.emplace(prefix, RouteIndex{index});
  } else {
    retire_entry(existing->second);
    existing->second = RouteIndex{index};
  }
  return RouteError::none;
}

bool RouteTable::publish(const IpPrefix& prefix, std::uint32_t index, bool is_new) noexcept {
  Family& family = family_of(prefix.address);
  const std::uint8_t* const key = prefix.address.bytes.data();
  if (prefix.is_host()) {
    void* const data = reinterpret_cast<void*>(static_cast<std::uintptr_t>(index));
    tell_published(entries_[index]);
    if (rte_hash_add_key_data(family.hosts, key, data) != 0) return false;
    if (is_new) ++family.host_count;
    family.has_hosts.store(true, std::memory_order_relaxed);
  } else if (prefix.length == 0) {
    family.default_route.store(index, std::memory_order_release);
  } else if (is_new) {
    family.trie->insert(key, prefix.length, index);
    ++prefix_count_;
  } else {
    family.trie->replace(key, prefix.length, index);
  }
  return true;
}

RouteError RouteTable::remove(const IpPrefix& prefix) noexcept {
  if (!prefix.valid()) return RouteError::invalid_prefix;
  const auto existing = routes_.find(prefix);
  if (existing == routes_.end()) return RouteError::not_found;
  unpublish(prefix);
  retire_entry(existing->second);
  routes_.erase(existing);
  return RouteError::none;
}

void RouteTable::unpublish(const IpPrefix& prefix) noexcept {
  Family& family = family_of(prefix.address);
  const std::uint8_t* const key = prefix.address.bytes.data();
  if (prefix.is_host()) {
    SP_CHECK(rte_hash_del_key(family.hosts, key) >= 0);
    if (--family.host_count == 0) family.has_hosts.store(false, std::memory_order_relaxed);
    return;
  }
  if (prefix.length == 0) {
    family.default_route.store(0, std::memory_order_release);
    return;
  }
  // The longest shorter prefix around this one takes over what it covered.
  std::uint32_t cover = 0;
  IpPrefix around = prefix;
  while (cover == 0 && around.length > 1) {
    --around.length;
    around = around.network();
    if (const auto found = routes_.find(around); found != routes_.end())
      cover = static_cast<std::uint32_t>(found->second);
  }
  const RetiredNodes nodes = family.trie->erase(key, prefix.length, cover, cover != 0 ? around.length : 0);
  for (unsigned i = 0; i < nodes.count; ++i) retired_.retire({Retired::Kind::node, nodes.nodes[i]});
  --prefix_count_;
}

std::optional<RouteEntry> RouteTable::get(const IpPrefix& prefix) const noexcept {
  const auto found = routes_.find(prefix);
  if (found == routes_.end()) return std::nullopt;
  return entry(found->second);
}

void RouteTable::poll() noexcept {
  retired_.poll(max_reclaimed_per_poll, [this](const Retired& retired) {
    if (retired.kind == Retired::Kind::entry)
      free_entries_.push_back(retired.number);
    else
      nodes_->give_back(retired.number);
  });
}

const char* to_string(RouteError error) noexcept {
  switch (error) {
    case RouteError::none:
      return "none";
    case RouteError::invalid_prefix:
      return "invalid_prefix";
    case RouteError::not_found:
      return "not_found";
    case RouteError::too_many_hosts:
      return "too_many_hosts";
    case RouteError::too_many_prefixes:
      return "too_many_prefixes";
    case RouteError::trie_full:
      return "trie_full";
    case RouteError::busy:
      return "busy";
  }
  return "unknown";
}

}  // namespace sallyport::dataplane
