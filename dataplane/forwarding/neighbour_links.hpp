// What workers know of neighbours: for each index one word with the MAC address, and a lock-free index by port and
// address. Housekeeping alone writes (through NeighbourTable); workers read, and set one flag that says "in use".
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

#include "config/base/ip.hpp"
#include "dataplane/forwarding/route_entry.hpp"
#include "dataplane/packet/ethernet.hpp"

namespace sallyport::dataplane {

// An address as two words; IPv4 in the first four bytes of the first one.
struct NeighbourKey {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  std::uint32_t port_and_family = 0;  // family << 8 | port

  static NeighbourKey of(std::uint8_t port_index, IpFamily family, const std::uint8_t* address) noexcept;
  friend bool operator==(const NeighbourKey&, const NeighbourKey&) = default;
};

class NeighbourLinks {
 public:
  static constexpr std::uint32_t max_capacity = 65535;

  NeighbourLinks(std::uint32_t capacity, std::uint64_t hash_seed);

  // --- workers ---

  // The MAC address of a neighbour that a route or a tunnel pinned. False: not known (now); hand the packet to
  // housekeeping. Marks the neighbour as in use, so that it is asked again before its entry grows old.
  [[nodiscard]] bool resolve(std::uint32_t index, MacAddress& mac) noexcept {
    if (index >= records_.size()) return false;
    Record& record = records_[index];
    const std::uint64_t link = record.link.load(std::memory_order_relaxed);
    mac = MacAddress::from_u64(link & mac_mask);
    mark_in_use(record);
    return (link & valid_bit) != 0;
  }
  // The same for a destination on a connected prefix: `address` is 4 or 16 bytes in network order. `index` is the
  // neighbour's if there is an entry at all, else no_neighbour.
  [[nodiscard]] bool resolve(std::uint8_t port_index, IpFamily family, const std::uint8_t* address,
                             std::uint32_t& index, MacAddress& mac) noexcept;

  // --- housekeeping ---

  [[nodiscard]] std::uint32_t find(const NeighbourKey& key) const noexcept;
  // False if both buckets of the key are full; nothing changed then.
  [[nodiscard]] bool add(std::uint32_t index, const NeighbourKey& key) noexcept;
  void remove(std::uint32_t index) noexcept;
  void set_mac(std::uint32_t index, const MacAddress& mac) noexcept;
  void clear_mac(std::uint32_t index) noexcept;
  // False if it is not known.
  [[nodiscard]] bool mac(std::uint32_t index, MacAddress& mac) const noexcept;
  // Whether a worker used it since the last call.
  [[nodiscard]] bool take_in_use(std::uint32_t index) noexcept;

 private:
  static constexpr std::uint64_t mac_mask = (std::uint64_t{1} << 48) - 1;
  static constexpr std::uint64_t valid_bit = std::uint64_t{1} << 63;
  static constexpr unsigned bucket_slots = 8;

  // Housekeeping writes all but in_use. `sequence` is odd while a record changes its owner (a seqlock): a reader that
  // saw another number before and after has read a mixture and takes it for a miss.
  struct alignas(64) Record {
    std::atomic<std::uint64_t> link{0};  // 48 bits of MAC and valid_bit; one word, so relaxed suffices
    // Workers store 1, housekeeping takes it back to 0; a hint, so relaxed.
    std::atomic<std::uint32_t> in_use{0};
    std::atomic<std::uint32_t> sequence{0};
    std::atomic<std::uint64_t> high{0};
    std::atomic<std::uint64_t> low{0};
    std::atomic<std::uint32_t> port_and_family{0};
  };
  // tag << 16 | index, or empty_slot. The writer stores (release), readers load (acquire).
  struct alignas(32) Bucket {
    std::array<std::atomic<std::uint32_t>, bucket_slots> slots;
  };
  static constexpr std::uint32_t empty_slot = 0xffffffff;

  struct Position {
    std::uint32_t buckets[2];
    std::uint32_t tag;
  };
  static void mark_in_use(Record& record) noexcept {
    // Read first: the line stays shared among workers until housekeeping clears the flag.
    if (record.in_use.load(std::memory_order_relaxed) == 0) record.in_use.store(1, std::memory_order_relaxed);
  }
  [[nodiscard]] Position position_of(const NeighbourKey& key) const noexcept;
  [[nodiscard]] NeighbourKey key_of(std::uint32_t index) const noexcept;
  void change_owner(Record& record, const NeighbourKey& key) noexcept;

  std::vector<Record> records_;
  std::vector<Bucket> buckets_;
  std::uint64_t seed_;
};

}  // namespace sallyport::dataplane
