#include "dataplane/forwarding/neighbour_links.hpp"

#include <bit>
#include <cstring>

#include "config/base/check.hpp"
#include "config/base/hash.hpp"

namespace sallyport::dataplane {
NeighbourKey NeighbourKey::of(std::uint8_t port_index, IpFamily family, const std::uint8_t* address) noexcept {
  NeighbourKey key{.port_and_family = static_cast<std::uint32_t>(family) << 8 | port_index};
  if (family == IpFamily::v4) {
    std::memcpy(&key.high, address, 4);
  } else {
    std::memcpy(&key.high, address, 8);
    std::memcpy(&key.low, address + 8, 8);
  }
  return key;
}

NeighbourLinks::NeighbourLinks(std::uint32_t capacity, std::uint64_t hash_seed)
    : records_(capacity), buckets_(std::bit_ceil((capacity + 1) / 2)), seed_(hash_seed) {
  SP_CHECK(capacity > 0 && capacity <= max_capacity);
  for (Bucket& bucket : buckets_)
    for (auto& slot : bucket.slots) slot.store(empty_slot, std::memory_order_relaxed);
}

NeighbourLinks::Position NeighbourLinks::position_of(const NeighbourKey& key) const noexcept {
  // Seeded: which addresses share a bucket must not be known outside.
  const std::uint64_t hash = mix_bits(mix_bits(mix_bits(key.high ^ seed_) + key.low) ^ key.port_and_family);
  const auto mask = static_cast<std::uint32_t>(buckets_.size() - 1);
  return {.buckets = {static_cast<std::uint32_t>(hash) & mask, static_cast<std::uint32_t>(hash >> 24) & mask},
          .tag = static_cast<std::uint32_t>(hash >> 48)};
}

bool NeighbourLinks::resolve(std::uint8_t port_index, IpFamily family, const std::uint8_t* address,
                             std::uint32_t& index, MacAddress& mac) noexcept {
  const NeighbourKey key = NeighbourKey::of(port_index, family, address);
  const Position position = position_of(key);
  index = no_neighbour;
  for (const std::uint32_t bucket : position.buckets) {
    for (const auto& slot : buckets_[bucket].slots) {
      const std::uint32_t content = slot.load(std::memory_order_acquire);
      if (content >> 16 != position.tag || content == empty_slot) continue;
      const std::uint32_t candidate = content & 0xffff;
      if (candidate >= records_.size()) continue;
      Record& record = records_[candidate];
      const std::uint32_t before = record.sequence.load(std::memory_order_acquire);
      const NeighbourKey found = key_of(candidate);
      const std::uint64_t link = record.link.load(std::memory_order_relaxed);
      // The loads above stay before the second look at the sequence.
      std::atomic_thread_fence(std::memory_order_acquire);
      if ((before & 1) != 0 || record.sequence.load(std::memory_order_relaxed) != before || found != key) continue;
      index = candidate;
      mac = MacAddress::from_u64(link & mac_mask);
      mark_in_use(record);
      return (link & valid_bit) != 0;
    }
  }
  return false;
}

NeighbourKey NeighbourLinks::key_of(std::uint32_t index) const noexcept {
  const Record& record = records_[index];
  return {.high = record.high.load(std::memory_order_relaxed),
          .low = record.low.load(std::memory_order_relaxed),
          .port_and_family = record.port_and_family.load(std::memory_order_relaxed)};
}

std::uint32_t NeighbourLinks::find(const NeighbourKey& key) const noexcept {
  const Position position = position_of(key);
  for (const std::uint32_t bucket : position.buckets) {
    for (const auto& slot : buckets_[bucket].slots) {
      const std::uint32_t content = slot.load(std::memory_order_relaxed);
      if (content == empty_slot || content >> 16 != position.tag) continue;
      if (key_of(content & 0xffff) == key) return content & 0xffff;
    }
  }
  return no_neighbour;
}

void NeighbourLinks::change_owner(Record& record, const NeighbourKey& key) noexcept {
  const std::uint32_t sequence = record.sequence.load(std::memory_order_relaxed);
  record.sequence.store(sequence + 1, std::memory_order_relaxed);
  // The odd number is visible before any of the new words.
  std::atomic_thread_fence(std::memory_order_release);
  record.link.store(0, std::memory_order_relaxed);
  record.in_use.store(0, std::memory_order_relaxed);
  record.high.store(key.high, std::memory_order_relaxed);
  record.low.store(key.low, std::memory_order_relaxed);
  record.port_and_family.store(key.port_and_family, std::memory_order_relaxed);
  // Release: the new words are visible before the even number.
  record.sequence.store(sequence + 2, std::memory_order_release);
}

bool NeighbourLinks::add(std::uint32_t index, const NeighbourKey& key) noexcept {
  const Position position = position_of(key);
  // The emptier of the two buckets: with four times as many slots as neighbours neither ever fills in practice.
  std::atomic<std::uint32_t>* chosen = nullptr;
  unsigned most_room = 0;
  for (const std::uint32_t bucket : position.buckets) {
    std::atomic<std::uint32_t>* free_slot = nullptr;
    unsigned room = 0;
    for (auto& slot : buckets_[bucket].slots) {
      if (slot.load(std::memory_order_relaxed) != empty_slot) continue;
      free_slot = &slot;
      ++room;
    }
    if (room > most_room) {
      most_room = room;
      chosen = free_slot;
    }
  }
  if (chosen == nullptr) return false;
  change_owner(records_[index], key);
  chosen->store(position.tag << 16 | index, std::memory_order_release);
  return true;
}

void NeighbourLinks::remove(std::uint32_t index) noexcept {
  const Position position = position_of(key_of(index));
  for (const std::uint32_t bucket : position.buckets)
    for (auto& slot : buckets_[bucket].slots)
      if (slot.load(std::memory_order_relaxed) == (position.tag << 16 | index))
        slot.store(empty_slot, std::memory_order_release);
  change_owner(records_[index], {});
}

void NeighbourLinks::set_mac(std::uint32_t index, const MacAddress& mac) noexcept {
  records_[index].link.store(mac.to_u64() | valid_bit, std::memory_order_relaxed);
}

void NeighbourLinks::clear_mac(std::uint32_t index) noexcept {
  records_[index].link.store(0, std::memory_order_relaxed);
}

bool NeighbourLinks::mac(std::uint32_t index, MacAddress& mac) const noexcept {
  const std::uint64_t link = records_[index].link.load(std::memory_order_relaxed);
  mac = MacAddress::from_u64(link & mac_mask);
  return (link & valid_bit) != 0;
}

bool NeighbourLinks::take_in_use(std::uint32_t index) noexcept {
  Record& record = records_[index];
  return record.in_use.load(std::memory_order_relaxed) != 0 &&
         record.in_use.exchange(0, std::memory_order_relaxed) != 0;
}

}  // namespace sallyport::dataplane
