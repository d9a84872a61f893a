#include "dataplane/forwarding/flow_table.hpp"

#include <algorithm>
#include <utility>

namespace sallyport::dataplane {
namespace {

constexpr std::size_t removals_in_grace = 16384;
// However full the table is, an identity may have so many (or a sixteenth of a small table).
constexpr std::uint32_t least_identity_limit = 64;

void end_twin(FlowEntry& entry) noexcept {
  abi::FlowEnd none = abi::FlowEnd::none;
  entry.end.compare_exchange_strong(none, abi::FlowEnd::timeout, std::memory_order_relaxed);
}

}  // namespace

FlowTable::FlowTable(const FlowLimits& limits, const Memory& memory, rte_rcu_qsbr* readers,
                     const std::array<std::uint64_t, 4>& hash_secret)
    : limits_(limits),
      entries_(memory.entries),
      buckets_(memory.buckets),
      identity_flows_(memory.identity_flows),
      bucket_mask_(limits.buckets() - 1),
      secret_(hash_secret),
      identity_limit_(limits.max_flows),
      published_(new std::atomic<std::uint8_t>[limits.entries()]()),
      spares_(limits.workers),
      removed_(readers, removals_in_grace) {
  for (std::uint32_t worker = 0; worker < limits.workers; ++worker) {
    rings_.push_back(std::make_unique<FreeFlowRing>());
    takers_.emplace_back(rings_.back().get());
    givers_.emplace_back(rings_.back().get());
  }
  free_.reserve(limits.entries());
  for (std::uint32_t number = limits.entries(); number-- > 0;) free_.push_back(number);
  waiting_.reserve(removals_in_grace);
  refill();
}

// Calls visit(entry) for the live entries of the key, in the order of their slots, until it says true, and returns that
// entry. `order` at least acquire: the entry was complete before its slot named it.
template <std::memory_order order, typename Visit>
FlowEntry* FlowTable::scan(const FlowKey& key, std::uint64_t hash, Visit&& visit) noexcept {
  for (const std::uint32_t bucket : {first_bucket(hash), second_bucket(hash)}) {
    for (auto& slot : buckets_[bucket].slots) {
      const std::uint64_t word = slot.load(order);
      if (word != 0 && tag_of(word) == tag_of(hash)) {
        FlowEntry& entry = entries_[static_cast<std::uint32_t>(word) - 1];
        if (entry.key == key && entry.end.load(std::memory_order_relaxed) == abi::FlowEnd::none && visit(entry))
          return &entry;
      }
    }
  }
  return nullptr;
}

FlowEntry* FlowTable::find(const FlowKey& key, std::uint64_t hash) noexcept {
  return scan<std::memory_order_acquire>(key, hash, [](const FlowEntry&) { return true; });
}

bool FlowTable::take_free(std::uint16_t worker, std::uint32_t& number) noexcept {
  if (spares_[worker].number != no_entry) {
    number = std::exchange(spares_[worker].number, no_entry);
    return true;
  }
  return takers_[worker].pop(number) == abi::RingResult::ok;
}

FlowTable::Creation FlowTable::publish(std::uint16_t worker, std::uint32_t number, std::uint64_t hash) noexcept {
  const std::uint64_t word = tag_of(hash) | (number + 1);
  std::array<std::uint32_t, 2> buckets = {first_bucket(hash), second_bucket(hash)};
  const auto free_slots = [this](std::uint32_t bucket) {
    return std::count_if(buckets_[bucket].slots.begin(), buckets_[bucket].slots.end(),
                         [](const auto& slot) { return slot.load(std::memory_order_relaxed) == 0; });
  };
  // The first bucket, where look-ups begin, unless it fills up and the other has more room.
  if (const auto room = free_slots(buckets[0]); room <= 4 && free_slots(buckets[1]) > room)
    std::swap(buckets[0], buckets[1]);
  bool placed = false;
  for (const std::uint32_t bucket : buckets) {
    for (auto& slot : buckets_[bucket].slots) {
      std::uint64_t expected = 0;
      // Whoever finds the slot finds the entry complete; see below for the order.
      placed = slot.load(std::memory_order_relaxed) == 0 &&
               slot.compare_exchange_strong(expected, word, std::memory_order_seq_cst, std::memory_order_relaxed);
      if (placed) break;
    }
    if (placed) break;
  }
  if (!placed) {
    spares_[worker].number = number;
    return {Created::full, nullptr};
  }
  FlowEntry& entry = entries_[number];
  identity_flows_[entry.identity].fetch_add(1, std::memory_order_relaxed);
  published_[number].store(1, std::memory_order_release);
  // Two workers may insert the same key at once. Each claims its slot, then looks, both sequentially consistent, so at
  // least one of them sees both entries. Whoever does ends all but the one that stands first, which is the one that
  // everybody finds; nobody frees the others before their grace period.
  FlowEntry* first = nullptr;
  scan<std::memory_order_seq_cst>(entry.key, hash, [&first](FlowEntry& twin) {
    if (first == nullptr) {
      first = &twin;
    } else {
      end_twin(twin);
    }
    return false;
  });
  // Null: ours has ended already.
  if (first == nullptr || first == &entry) return {Created::created, &entry};
  return {Created::existed, first};
}

void FlowTable::refill() noexcept {
  const std::uint32_t target = limits_.ring_target();
  for (auto& giver : givers_) {
    while (!free_.empty() && giver.backlog() < target && giver.push(free_.back()) == abi::RingResult::ok) {
      high_water_ = std::max(high_water_, free_.back() + 1);
      free_.pop_back();
    }
  }
  const std::uint32_t in_use = live();
  const std::uint32_t room = in_use < limits_.max_flows ? limits_.max_flows - in_use : 0;
  const std::uint32_t least = std::min(least_identity_limit, std::max(limits_.max_flows / 16, 1U));
  // Stored only if it moved: workers read the line for every new flow.
  if (const std::uint32_t limit = std::max(room, least); limit != identity_limit_.load(std::memory_order_relaxed))
    identity_limit_.store(limit, std::memory_order_relaxed);
}

std::size_t FlowTable::room_to_remove() const noexcept {
  const std::size_t busy = removed_.size() + waiting_.size();
  return busy < removals_in_grace ? removals_in_grace - busy : 0;
}

void FlowTable::remove(std::uint32_t number) noexcept {
  FlowEntry& entry = entries_[number];
  // Nobody finds it any more, even where a look-up stands before the slot.
  if (abi::FlowEnd none = abi::FlowEnd::none; entry.end.load(std::memory_order_relaxed) == none)
    entry.end.compare_exchange_strong(none, abi::FlowEnd::timeout, std::memory_order_relaxed);
  const std::uint64_t hash_value = hash(entry.key);
  const std::uint64_t word = tag_of(hash_value) | (number + 1);
  for (const std::uint32_t bucket : {first_bucket(hash_value), second_bucket(hash_value)}) {
    for (auto& slot : buckets_[bucket].slots) {
      if (slot.load(std::memory_order_relaxed) != word) continue;
      slot.store(0, std::memory_order_release);
    }
  }
  identity_flows_[entry.identity].fetch_sub(1, std::memory_order_relaxed);
  published_[number].store(0, std::memory_order_relaxed);
  removed_.retire(number);
}

std::uint32_t FlowTable::live() const noexcept {
  std::size_t elsewhere = free_.size() + removed_.size() + waiting_.size();
  for (const auto& giver : givers_) elsewhere += giver.backlog();
  return elsewhere < limits_.entries() ? limits_.entries() - static_cast<std::uint32_t>(elsewhere) : 0;
}

}  // namespace sallyport::dataplane
