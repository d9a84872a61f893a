// The flows that the policy allowed, shared by all workers: the decision about a 5-tuple, for packets of both
// directions. Workers look up and insert without a lock; housekeeping removes, after a grace period, and hands free
// entries to the workers.
//
//   key --hash--> two buckets of 8 slots {tag, entry} --tag, then key--> FlowEntry (three cache lines)
//
// A slot is claimed by a compare-and-swap. An entry's key names the peer or inside port at each end, so a hit implies
// the source check, and a packet from elsewhere never matches.
#pragma once

#include <rte_rcu_qsbr.h>

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <cstring>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "dataplane/abi/flow.hpp"
#include "dataplane/abi/limits.hpp"
#include "dataplane/abi/spsc_ring.hpp"
#include "dataplane/forwarding/flow_direction.hpp"
#include "dataplane/forwarding/flow_limits.hpp"
#include "dataplane/forwarding/grace_queue.hpp"

namespace sallyport::dataplane {

// Who is at an end: a peer's id, or one of these.
inline constexpr std::uint32_t inside_end_bit = 0x80000000;  // | logical port
inline constexpr std::uint32_t gateway_end = 0xffffffff;     // an address of our own

[[nodiscard]] constexpr std::uint32_t inside_end(std::uint8_t port_index) noexcept {
  return inside_end_bit | port_index;
}
[[nodiscard]] constexpr bool is_peer_end(std::uint32_t end) noexcept {
  return (end & inside_end_bit) == 0;
}

struct FlowEndpoint {
  std::array<std::uint64_t, 2> address{};  // as in the packet; an IPv4 address in the first four bytes
  std::uint32_t end = 0;
  std::uint16_t port = 0;

  // Some order, or equal.
  [[nodiscard]] bool precedes(const FlowEndpoint& other) const noexcept {
    if (address == other.address) [[unlikely]]
      return end != other.end ? end < other.end : port <= other.port;
    __extension__ using Wide = unsigned __int128;
    const auto wide = [](const auto& words) { return Wide{words[0]} << 64 | words[1]; };
    return wide(address) < wide(other.address);
  }
  friend bool operator==(const FlowEndpoint&, const FlowEndpoint&) = default;
};

// The same for both directions: the lesser endpoint stands first.
struct FlowKey {
  std::array<std::uint64_t, 4> addresses{};
  std::array<std::uint32_t, 2> ends{};
  std::array<std::uint16_t, 2> ports{};
  std::uint8_t protocol = 0;
  std::uint8_t is_v4 = 0;
  std::uint16_t reserved = 0;

  using Words = std::array<std::uint64_t, 6>;

  // `source_is_first` tells which endpoint became which.
  static FlowKey of(const FlowEndpoint& source, const FlowEndpoint& destination, std::uint8_t protocol, bool is_v4,
                    bool& source_is_first) noexcept {
    return std::bit_cast<FlowKey>(words_of(source, destination, protocol, is_v4, source_is_first));
  }
  // The same as words. Without a branch on which is the lesser endpoint: that is a coin toss.
  static Words words_of(const FlowEndpoint& source, const FlowEndpoint& destination, std::uint8_t protocol, bool is_v4,
                        bool& source_is_first) noexcept {
    source_is_first = source.precedes(destination);
    const std::uint64_t swap = source_is_first ? 0 : ~std::uint64_t{0};
    const std::uint64_t low = (source.address[0] ^ destination.address[0]) & swap;
    const std::uint64_t high = (source.address[1] ^ destination.address[1]) & swap;
    const std::uint64_t end = (source.end ^ destination.end) & swap;
    const std::uint64_t port = static_cast<std::uint16_t>(source.port ^ destination.port) & swap;
    return {source.address[0] ^ low,
            source.address[1] ^ high,
            destination.address[0] ^ low,
            destination.address[1] ^ high,
            (source.end ^ end) | (destination.end ^ end) << 32,
            (source.port ^ port) | (destination.port ^ port) << 16 | std::uint64_t{protocol} << 32 |
                std::uint64_t{is_v4} << 40};
  }
  [[nodiscard]] std::uint64_t word(unsigned which) const noexcept {
    std::uint64_t value;
    std::memcpy(&value, reinterpret_cast<const std::uint8_t*>(this) + 8 * which, sizeof value);
    return value;
  }
  [[nodiscard]] const std::uint8_t* address(unsigned which) const noexcept {
    return reinterpret_cast<const std::uint8_t*>(&addresses[2 * which]);
  }
  friend bool operator==(const FlowKey& a, const FlowKey& b) noexcept {
    return ((a.word(0) ^ b.word(0)) | (a.word(1) ^ b.word(1)) | (a.word(2) ^ b.word(2)) | (a.word(3) ^ b.word(3)) |
            (a.word(4) ^ b.word(4)) | (a.word(5) ^ b.word(5))) == 0;
  }
};
static_assert(sizeof(FlowKey) == 48 && std::has_unique_object_representations_v<FlowKey>);
static_assert(std::endian::native == std::endian::little);  // the order of fields in words

// What one direction's packets read and write; it has a line of its own and one writer, the worker that carries it. (An
// ICMP error may come by another: a count may be lost then.)
struct FlowLine {
  std::atomic<std::uint64_t> packets;
  std::atomic<std::uint64_t> bytes;
  std::atomic<std::uint64_t> last_seen_tsc;
  // The decision, the same in both directions. Whoever decides stores (relaxed), then the policy epoch (release).
  std::atomic<std::uint32_t> rule;
  std::atomic<std::uint32_t> audit_rule;
  std::atomic<std::uint32_t> rate_slot;      // where the rate was found last
  std::atomic<std::uint32_t> rate_identity;  // whose rate it is
};
static_assert(sizeof(FlowLine) == 40);

struct alignas(abi::cache_line_bytes) FlowEntry {
  // Line 0: read for every packet, written when a flow is decided anew or its TCP state moves.
  FlowKey key;
  // Of what it was decided by. Stored together by whoever decides, relaxed, `policy_epoch` last (release).
  std::atomic<std::uint32_t> policy_epoch;
  std::array<std::atomic<std::uint32_t>, 2> peer_epochs;  // of the peers at the ends; 0: no peer
  // TCP's word (tcp_tracker); of others 1 once a reply came. Changed by compare-and-swap.
  std::atomic<std::uint32_t> state;
  // Line 1: from the opener. What follows is written once, before the entry can be found.
  alignas(abi::cache_line_bytes) FlowLine forward;
  std::uint32_t identity;       // whose flows it counts among
  std::uint32_t session_index;  // that the first packet came through; 0: none
  std::atomic<std::uint64_t> started_tsc;
  std::uint8_t opener;                // which endpoint of the key opened it
  std::array<std::uint8_t, 2> lives;  // Peer::life of the peers at the ends: a number may have a new owner by now
  // Line 2: back to the opener.
  alignas(abi::cache_line_bytes) FlowLine back;
  std::atomic<std::uint32_t> generation;  // of the policy that decided last
  // Why it is over: look-ups pass it by, and housekeeping takes it away. `none` while it lives, stored (release) when
  // the rest is complete.
  std::atomic<abi::FlowEnd> end;

  [[nodiscard]] FlowLine& line(FlowDirection direction) noexcept {
    return direction == FlowDirection::from_opener ? forward : back;
  }
};
static_assert(sizeof(FlowEntry) == 3 * abi::cache_line_bytes);
static_assert(offsetof(FlowEntry, forward) == abi::cache_line_bytes);
static_assert(offsetof(FlowEntry, back) == 2 * abi::cache_line_bytes);

static_assert(sizeof(FlowEntry) == flow_entry_bytes);

struct alignas(abi::cache_line_bytes) FlowBucket {
  // Tag in the upper half, entry number + 1 in the lower; 0: free. Workers claim (release), housekeeping frees.
  std::array<std::atomic<std::uint64_t>, flow_bucket_slots> slots;
};
static_assert(sizeof(FlowBucket) == flow_bucket_bytes);

// Free entries on their way to a worker.
using FreeFlowRing = abi::SpscRing<std::uint32_t, 4096>;

class FlowTable {
 public:
  // Zeroed memory of the sizes that `limits` tell; identity_flows has max_identities elements.
  struct Memory {
    FlowEntry* entries;
    FlowBucket* buckets;
    std::atomic<std::uint32_t>* identity_flows;
  };
  FlowTable(const FlowLimits& limits, const Memory& memory, rte_rcu_qsbr* readers,
            const std::array<std::uint64_t, 4>& hash_secret);
  FlowTable(const FlowTable&) = delete;
  FlowTable& operator=(const FlowTable&) = delete;

  // --- workers ---

  [[nodiscard]] std::uint64_t hash(const FlowKey& key) const noexcept {
    const std::uint64_t addresses = fold(key.word(0) ^ secret_[0], key.word(1) ^ secret_[1]) ^
                                    fold(key.word(2) ^ secret_[2], key.word(3) ^ secret_[3]);
    return fold(addresses ^ key.word(4) ^ secret_[1],
                fold(key.word(5) ^ secret_[2], addresses ^ secret_[0]) ^ key.word(4));
  }
  // Two steps, a burst apart: the bucket, then the entry that it names, or the other bucket.
  void prefetch(std::uint64_t hash) const noexcept { __builtin_prefetch(&buckets_[first_bucket(hash)]); }
  void prefetch_entry(std::uint64_t hash) const noexcept {
    for (const auto& slot : buckets_[first_bucket(hash)].slots) {
      const std::uint64_t word = slot.load(std::memory_order_relaxed);
      if (word == 0 || tag_of(word) != tag_of(hash)) continue;
      const FlowEntry* entry = &entries_[static_cast<std::uint32_t>(word) - 1];
      __builtin_prefetch(entry);
      __builtin_prefetch(&entry->forward);
      __builtin_prefetch(&entry->back);
      return;
    }
    __builtin_prefetch(&buckets_[second_bucket(hash)]);
  }
  // A live flow of that key, or null.
  [[nodiscard]] FlowEntry* find(const FlowKey& key, std::uint64_t hash) noexcept;

  enum class Created : std::uint8_t { created, existed, over_quota, full };
  struct Creation {
    Created how;
    FlowEntry* entry;  // of created and existed
  };
  // A new flow; `fill` completes the entry before anybody can find it. Another worker may have been faster: existed.
  template <typename Fill>
  [[nodiscard]] Creation create(std::uint16_t worker, const FlowKey& key, std::uint64_t hash, std::uint32_t identity,
                                Fill&& fill) noexcept {
    if (identity_flows_[identity].load(std::memory_order_relaxed) >= identity_limit_.load(std::memory_order_relaxed))
      return {Created::over_quota, nullptr};
    std::uint32_t number;
    if (!take_free(worker, number)) return {Created::full, nullptr};
    FlowEntry& entry = entries_[number];
    entry.key = key;
    entry.identity = identity;
    fill(entry);
    // Release: who knows the entry by its number from a former life and sees it live sees the new start too.
    entry.end.store(abi::FlowEnd::none, std::memory_order_release);
    return publish(worker, number, hash);
  }
  [[nodiscard]] FlowEntry& entry(std::uint32_t number) noexcept { return entries_[number]; }
  [[nodiscard]] std::uint32_t number_of(const FlowEntry& entry) const noexcept {
    return static_cast<std::uint32_t>(&entry - entries_);
  }
  [[nodiscard]] std::uint32_t entry_count() const noexcept { return limits_.entries(); }

  // --- housekeeping ---

  // Fills the workers' rings, and sets the bound of each identity: no more than there is room left.
  void refill() noexcept;
  // Entries below it may be in use.
  [[nodiscard]] std::uint32_t high_water() const noexcept { return high_water_; }
  // True if the entry holds a flow that anybody can find.
  [[nodiscard]] bool is_published(std::uint32_t number) const noexcept {
    return published_[number].load(std::memory_order_acquire) != 0;
  }
  // Takes a flow out of the buckets; reclaim() gives it to `last_look` when no worker can hold it, and if that returns
  // true, the entry is free again (false: it is asked again). There must be room.
  void remove(std::uint32_t number) noexcept;
  [[nodiscard]] std::size_t room_to_remove() const noexcept;
  template <typename LastLook>
  void reclaim(std::size_t most, LastLook&& last_look) noexcept {
    removed_.poll(most, [this](std::uint32_t number) { waiting_.push_back(number); });
    while (!waiting_.empty() && last_look(entries_[waiting_.back()])) {
      free_.push_back(waiting_.back());
      waiting_.pop_back();
    }
  }
  // Removed, out of their grace period, and refused by `last_look`.
  [[nodiscard]] std::uint32_t untold() const noexcept { return static_cast<std::uint32_t>(waiting_.size()); }
  [[nodiscard]] std::uint32_t live() const noexcept;

 private:
  // The product of two words, folded: every bit of both reaches every bit of the result.
  [[nodiscard]] static std::uint64_t fold(std::uint64_t a, std::uint64_t b) noexcept {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  }
  [[nodiscard]] std::uint32_t first_bucket(std::uint64_t hash) const noexcept {
    return static_cast<std::uint32_t>(hash) & bucket_mask_;
  }
  [[nodiscard]] std::uint32_t second_bucket(std::uint64_t hash) const noexcept {
    return (first_bucket(hash) ^ (static_cast<std::uint32_t>(hash >> 32) * 0x9e3779b1U | 1U)) & bucket_mask_;
  }
  [[nodiscard]] static std::uint64_t tag_of(std::uint64_t hash) noexcept { return hash & 0xffffffff00000000ULL; }
  [[nodiscard]] bool take_free(std::uint16_t worker, std::uint32_t& number) noexcept;
  [[nodiscard]] Creation publish(std::uint16_t worker, std::uint32_t number, std::uint64_t hash) noexcept;
  template <std::memory_order order, typename Visit>
  FlowEntry* scan(const FlowKey& key, std::uint64_t hash, Visit&& visit) noexcept;

  FlowLimits limits_;
  FlowEntry* entries_;
  FlowBucket* buckets_;
  std::atomic<std::uint32_t>* identity_flows_;
  std::uint32_t bucket_mask_;
  std::array<std::uint64_t, 4> secret_;
  // Housekeeping stores when it changes, workers load, relaxed.
  alignas(abi::cache_line_bytes) std::atomic<std::uint32_t> identity_limit_;
  // 1 while the entry is in the buckets: the worker that published stores (release), housekeeping reads and clears.
  alignas(abi::cache_line_bytes) std::unique_ptr<std::atomic<std::uint8_t>[]> published_;
  std::vector<std::unique_ptr<FreeFlowRing>> rings_;
  std::vector<abi::RingConsumer<FreeFlowRing>> takers_;  // by worker
  // Of each worker the entry of an insertion that found no slot; no_entry: none. The worker's own.
  static constexpr std::uint32_t no_entry = 0xffffffff;
  struct alignas(abi::cache_line_bytes) Spare {
    std::uint32_t number = no_entry;
  };
  std::vector<Spare> spares_;
  // Housekeeping's own.
  alignas(abi::cache_line_bytes) std::vector<abi::RingProducer<FreeFlowRing>> givers_;
  std::vector<std::uint32_t> free_;  // a stack: low numbers come first, so that little memory is touched
  GraceQueue<std::uint32_t> removed_;
  std::vector<std::uint32_t> waiting_;  // out of grace, not looked at for the last time yet
  std::uint32_t high_water_ = 0;
};

}  // namespace sallyport::dataplane
