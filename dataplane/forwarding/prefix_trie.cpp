#include "dataplane/forwarding/prefix_trie.hpp"

#include "config/base/check.hpp"

namespace sallyport::dataplane {
namespace {

constexpr bool is_child(std::uint32_t slot) noexcept {
  return (slot & trie_child_bit) != 0;
}
constexpr std::uint32_t child_of(std::uint32_t slot) noexcept {
  return slot & ~trie_child_bit;
}

// Relaxed: the writer reads what it wrote itself.
std::uint32_t own_load(const TrieSlot& slot) noexcept {
  return slot.load(std::memory_order_relaxed);
}

unsigned root_slot(const std::uint8_t* key) noexcept {
  return static_cast<unsigned>(key[0]) << 8 | key[1];
}

struct SlotRange {
  unsigned first;
  unsigned count;
};

// The slots of its last row that a prefix covers.
SlotRange range_of(const std::uint8_t* key, unsigned length) noexcept {
  if (length <= trie_root_bits) {
    const unsigned count = 1U << (trie_root_bits - length);
    return {root_slot(key) & ~(count - 1), count};
  }
  const unsigned count = 1U << ((8 - length % 8) % 8);
  return {key[(length - 1) / 8] & ~(count - 1), count};
}

// How many nodes lie on the way to the row in which a prefix ends.
unsigned levels_of(unsigned length) noexcept {
  return length <= trie_root_bits ? 0 : (length - trie_root_bits + 7) / 8;
}

}  // namespace

TrieNodes::TrieNodes(TrieNode* nodes, std::uint32_t count) : nodes_(nodes), lengths_(count), prefixes_inside_(count) {
  SP_CHECK(count < trie_child_bit);
  free_.reserve(count);
  for (std::uint32_t node = count; node-- > 0;) free_.push_back(node);
}

PrefixTrie::PrefixTrie(TrieSlot* root, TrieNodes& nodes, unsigned key_bytes)
    : root_(root), nodes_(nodes), key_bytes_(key_bytes), root_lengths_(trie_root_slots) {
  SP_CHECK(key_bytes == 4 || key_bytes == 16);
}

void PrefixTrie::lookup_bulk(const std::uint8_t* const* keys, std::uint32_t* values, unsigned count) const noexcept {
  for (unsigned i = 0; i < count; ++i) __builtin_prefetch(&root_[root_slot(keys[i])]);
  std::array<std::uint8_t, max_burst> below;  // keys whose walk is not at its leaf
  unsigned left = 0;
  for (unsigned i = 0; i < count; ++i) {
    values[i] = root_[root_slot(keys[i])].load(std::memory_order_acquire);
    below[left] = static_cast<std::uint8_t>(i);
    if (is_child(values[i])) {
      __builtin_prefetch(&nodes_.nodes_[child_of(values[i])].slots[keys[i][2]]);
      ++left;
    }
  }
  for (unsigned at = 2; left != 0; ++at) {
    unsigned still_below = 0;
    for (unsigned k = 0; k < left; ++k) {
      const std::uint8_t i = below[k];
      values[i] = nodes_.nodes_[child_of(values[i])].slots[keys[i][at]].load(std::memory_order_acquire);
      below[still_below] = i;
      if (is_child(values[i])) {
        __builtin_prefetch(&nodes_.nodes_[child_of(values[i])].slots[keys[i][at + 1]]);
        ++still_below;
      }
    }
    left = still_below;
  }
}

PrefixTrie::Place PrefixTrie::place(std::uint32_t node) noexcept {
  return {nodes_.nodes_[node].slots.data(), nodes_.lengths_[node].data()};
}

PrefixTrie::Place PrefixTrie::place_of(const std::uint8_t* key, unsigned length) noexcept {
  Place at{root_, root_lengths_.data()};
  unsigned slot = root_slot(key);
  for (unsigned level = 0; level < levels_of(length); ++level) {
    at = place(child_of(own_load(at.slots[slot])));
    slot = key[2 + level];
  }
  return at;
}

std::uint32_t PrefixTrie::nodes_needed(const std::uint8_t* key, unsigned length) const noexcept {
  const unsigned levels = levels_of(length);
  std::uint32_t slot = own_load(root_[root_slot(key)]);
  for (unsigned level = 0; level < levels; ++level) {
    if (!is_child(slot)) return levels - level;
    slot = own_load(nodes_.nodes_[child_of(slot)].slots[key[2 + level]]);
  }
  return 0;
}

std::uint32_t PrefixTrie::new_node(std::uint32_t value, std::uint8_t length) noexcept {
  SP_CHECK(!nodes_.free_.empty());
  const std::uint32_t node = nodes_.free_.back();
  nodes_.free_.pop_back();
  for (auto& slot : nodes_.nodes_[node].slots) slot.store(value, std::memory_order_relaxed);
  nodes_.lengths_[node].fill(length);
  nodes_.prefixes_inside_[node] = 0;
  return node;
}

void PrefixTrie::insert(const std::uint8_t* key, unsigned length, std::uint32_t value) noexcept {
  SP_CHECK(length >= 1 && length <= key_bytes_ * 8 && value != 0 && !is_child(value));
  Place at{root_, root_lengths_.data()};
  unsigned slot = root_slot(key);
  for (unsigned level = 0; level < levels_of(length); ++level) {
    std::uint32_t content = own_load(at.slots[slot]);
    if (!is_child(content)) {
      content = new_node(content, at.lengths[slot]) | trie_child_bit;
      at.slots[slot].store(content, std::memory_order_release);
    }
    ++nodes_.prefixes_inside_[child_of(content)];
    at = place(child_of(content));
    slot = key[2 + level];
  }
  cover_range(at, key, length, value);
}

void PrefixTrie::replace(const std::uint8_t* key, unsigned length, std::uint32_t value) noexcept {
  SP_CHECK(length >= 1 && length <= key_bytes_ * 8 && value != 0 && !is_child(value));
  cover_range(place_of(key, length), key, length, value);
}

void PrefixTrie::cover_range(Place at, const std::uint8_t* key, unsigned length, std::uint32_t value) noexcept {
  const SlotRange range = range_of(key, length);
  for (unsigned i = 0; i < range.count; ++i) cover_slot(at, range.first + i, length, value);
}

// Recursion goes down at most trie_max_depth levels.
void PrefixTrie::cover_slot(Place at, unsigned slot, unsigned length, std::uint32_t value) noexcept {
  const std::uint32_t content = own_load(at.slots[slot]);
  if (is_child(content)) {
    const Place below = place(child_of(content));
    for (unsigned i = 0; i < trie_node_slots; ++i) cover_slot(below, i, length, value);
  } else if (at.lengths[slot] <= length) {
    at.lengths[slot] = static_cast<std::uint8_t>(length);
    at.slots[slot].store(value, std::memory_order_release);
  }
}

void PrefixTrie::uncover_slot(Place at, unsigned slot, unsigned length, std::uint32_t cover,
                              unsigned cover_length) noexcept {
  const std::uint32_t content = own_load(at.slots[slot]);
  if (is_child(content)) {
    const Place below = place(child_of(content));
    for (unsigned i = 0; i < trie_node_slots; ++i) uncover_slot(below, i, length, cover, cover_length);
  } else if (at.lengths[slot] == length) {
    at.lengths[slot] = static_cast<std::uint8_t>(cover_length);
    at.slots[slot].store(cover, std::memory_order_release);
  }
}

RetiredNodes PrefixTrie::erase(const std::uint8_t* key, unsigned length, std::uint32_t cover,
                               unsigned cover_length) noexcept {
  SP_CHECK(length >= 1 && length <= key_bytes_ * 8 && cover_length < length);
  const Place last = place_of(key, length);
  const SlotRange range = range_of(key, length);
  for (unsigned i = 0; i < range.count; ++i) uncover_slot(last, range.first + i, length, cover, cover_length);

  // A node in which no prefix ends any more shows the cover everywhere: the slot above takes the cover instead, and the
  // node goes, as do those below it.
  RetiredNodes retired;
  Place at{root_, root_lengths_.data()};
  unsigned slot = root_slot(key);
  for (unsigned level = 0; level < levels_of(length); ++level) {
    const std::uint32_t node = child_of(own_load(at.slots[slot]));
    const Place below = place(node);
    if (--nodes_.prefixes_inside_[node] == 0) {
      if (retired.count == 0) {
        at.lengths[slot] = static_cast<std::uint8_t>(cover_length);
        at.slots[slot].store(cover, std::memory_order_release);
      }
      retired.nodes[retired.count++] = node;
    }
    at = below;
    slot = key[2 + level];
  }
  return retired;
}

}  // namespace sallyport::dataplane
