// Longest prefix match by a trie whose root covers 16 bits and whose nodes cover 8 each. One writer changes it in place
// while any number of readers look up without a lock: every address has its old or its new value at any moment, never
// another. A prefix is pushed to the leaves that it covers, so a look-up is one load per level and no backtracking.
// decisions/prefix-trie.md says why this is not rte_fib.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace sallyport::dataplane {

inline constexpr unsigned trie_root_bits = 16;
inline constexpr unsigned trie_root_slots = 1U << trie_root_bits;
inline constexpr unsigned trie_node_slots = 256;
inline constexpr unsigned trie_max_depth = 14;  // nodes below the root on the way to a 128-bit address

// A slot holds a value (0: no prefix covers it) or, with the top bit set, the number of the node below.
// The writer stores (release), readers load (acquire): a node is complete before a slot names it.
using TrieSlot = std::atomic<std::uint32_t>;
inline constexpr std::uint32_t trie_child_bit = 0x80000000;

struct TrieNode {
  std::array<TrieSlot, trie_node_slots> slots;
};
static_assert(sizeof(TrieNode) == 1024);

// The nodes that the tries of both families share. Node memory is borrowed, so that it can lie in huge pages.
class TrieNodes {
 public:
  TrieNodes(TrieNode* nodes, std::uint32_t count);

  [[nodiscard]] std::uint32_t available() const noexcept { return static_cast<std::uint32_t>(free_.size()); }
  // A retired node comes back when no reader can stand in it any more.
  void give_back(std::uint32_t node) noexcept { free_.push_back(node); }

 private:
  friend class PrefixTrie;
  TrieNode* nodes_;
  std::vector<std::uint32_t> free_;
  // The writer's own notes about each node: the prefix length behind each slot's value, and how many prefixes end
  // inside.
  std::vector<std::array<std::uint8_t, trie_node_slots>> lengths_;
  std::vector<std::uint32_t> prefixes_inside_;
};

struct RetiredNodes {
  std::array<std::uint32_t, trie_max_depth> nodes;
  unsigned count = 0;
};

class PrefixTrie {
 public:
  // `root` has trie_root_slots zeroed slots. Keys are addresses in network order of 4 or 16 bytes.
  PrefixTrie(TrieSlot* root, TrieNodes& nodes, unsigned key_bytes);

  // Readers. The value of the longest prefix that covers the key, or 0.
  [[nodiscard]] std::uint32_t lookup(const std::uint8_t* key) const noexcept {
    std::uint32_t slot = root_[static_cast<unsigned>(key[0]) << 8 | key[1]].load(std::memory_order_acquire);
    for (unsigned at = 2; (slot & trie_child_bit) != 0; ++at)
      slot = nodes_.nodes_[slot & ~trie_child_bit].slots[key[at]].load(std::memory_order_acquire);
    return slot;
  }
  // `count` keys at once (max_burst at most), level by level, so that the cache misses of a burst overlap.
  static constexpr unsigned max_burst = 64;
  void lookup_bulk(const std::uint8_t* const* keys, std::uint32_t* values, unsigned count) const noexcept;

  // The writer. Lengths are 1 to key_bytes * 8; values 1 to 2^31 - 1. The key's host bits are ignored.
  // How many nodes an insert would take.
  [[nodiscard]] std::uint32_t nodes_needed(const std::uint8_t* key, unsigned length) const noexcept;
  // Adds a prefix; the caller made sure that nodes_needed() are available and that the prefix is new.
  void insert(const std::uint8_t* key, unsigned length, std::uint32_t value) noexcept;
  // Changes the value of a prefix that is there.
  void replace(const std::uint8_t* key, unsigned length, std::uint32_t value) noexcept;
  // Removes a prefix that is there. What it covered falls to `cover`, the value of the longest shorter prefix around it
  // (`cover_length`; both 0 if there is none). The nodes returned are unreachable for new look-ups.
  [[nodiscard]] RetiredNodes erase(const std::uint8_t* key, unsigned length, std::uint32_t cover,
                                   unsigned cover_length) noexcept;

 private:
  struct Place {  // one row of slots (the root or a node) with the writer's lengths
    TrieSlot* slots;
    std::uint8_t* lengths;
  };
  [[nodiscard]] Place place(std::uint32_t node) noexcept;
  [[nodiscard]] Place place_of(const std::uint8_t* key, unsigned length) noexcept;
  void cover_range(Place at, const std::uint8_t* key, unsigned length, std::uint32_t value) noexcept;
  void cover_slot(Place at, unsigned slot, unsigned length, std::uint32_t value) noexcept;
  void uncover_slot(Place at, unsigned slot, unsigned length, std::uint32_t cover, unsigned cover_length) noexcept;
  std::uint32_t new_node(std::uint32_t value, std::uint8_t length) noexcept;

  TrieSlot* root_;
  TrieNodes& nodes_;
  unsigned key_bytes_;
  std::vector<std::uint8_t> root_lengths_;
};

}  // namespace sallyport::dataplane
