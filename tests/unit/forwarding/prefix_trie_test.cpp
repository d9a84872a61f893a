#include "dataplane/forwarding/prefix_trie.hpp"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>

#include "config/base/ip.hpp"

namespace sallyport::dataplane::prefix_trie_test {
namespace {

struct Trie {
  explicit Trie(std::uint32_t node_count, unsigned key_bytes)
      : memory(std::make_unique<TrieNode[]>(node_count)),
        root(std::make_unique<TrieSlot[]>(trie_root_slots)),
        nodes(memory.get(), node_count),
        trie(root.get(), nodes, key_bytes) {}
  std::unique_ptr<TrieNode[]> memory;
  std::unique_ptr<TrieSlot[]> root;
  TrieNodes nodes;
  PrefixTrie trie;
};

// Thirty lines of truth: the longest prefix that contains the address, by looking at each.
struct Oracle {
  std::map<IpPrefix, std::uint32_t> prefixes;

  [[nodiscard]] std::pair<std::uint32_t, unsigned> longest(const IpAddress& address,
                                                           unsigned shorter_than = 129) const {
    std::pair<std::uint32_t, unsigned> best{0, 0};
    for (const auto& [prefix, value] : prefixes)
      if (prefix.length < shorter_than && prefix.contains(address) && prefix.length > best.second)
        best = {value, prefix.length};
    return best;
  }
};

// Addresses crowd into a few regions, so that prefixes nest and share nodes.
IpAddress random_address(std::mt19937& random, IpFamily family) {
  IpAddress address{.family = family};
  const unsigned bytes = family == IpFamily::v4 ? 4 : 16;
  for (unsigned i = 0; i < bytes; ++i) {
    const unsigned choices = i < 2 ? 2 : i < bytes - 1 ? 3 : 256;
    address.bytes[i] = static_cast<std::uint8_t>(random() % choices * (choices == 256 ? 1 : 85));
  }
  return address;
}

void compare_under_churn(IpFamily family, unsigned seed) {
  const unsigned bits = family == IpFamily::v4 ? 32 : 128;
  Trie t(4096, bits / 8);
  Oracle oracle;
  std::mt19937 random(seed);
  std::uint32_t next_value = 1;
  for (int round = 0; round < 3000; ++round) {
    const IpPrefix prefix =
        IpPrefix{random_address(random, family), static_cast<std::uint8_t>(1 + random() % bits)}.network();
    const std::uint8_t* const key = prefix.address.bytes.data();
    const auto found = oracle.prefixes.find(prefix);
    if (found == oracle.prefixes.end()) {
      ASSERT_LE(t.trie.nodes_needed(key, prefix.length), t.nodes.available());
      const std::uint32_t before = t.nodes.available(), needed = t.trie.nodes_needed(key, prefix.length);
      t.trie.insert(key, prefix.length, next_value);
      ASSERT_EQ(t.nodes.available(), before - needed);
      oracle.prefixes[prefix] = next_value++;
    } else if (random() % 2 == 0) {
      t.trie.replace(key, prefix.length, next_value);
      found->second = next_value++;
    }
    if (oracle.prefixes.size() > 60) {
      const auto victim = std::next(oracle.prefixes.begin(), static_cast<int>(random() % oracle.prefixes.size()));
      const auto [cover, cover_length] = oracle.longest(victim->first.address, victim->first.length);
      const RetiredNodes retired =
          t.trie.erase(victim->first.address.bytes.data(), victim->first.length, cover, cover_length);
      for (unsigned i = 0; i < retired.count; ++i) t.nodes.give_back(retired.nodes[i]);
      oracle.prefixes.erase(victim);
    }
    IpAddress addresses[PrefixTrie::max_burst];
    const std::uint8_t* keys[PrefixTrie::max_burst];
    std::uint32_t values[PrefixTrie::max_burst];
    for (unsigned i = 0; i < PrefixTrie::max_burst; ++i) {
      addresses[i] = i == 0 ? prefix.address : random_address(random, family);
      keys[i] = addresses[i].bytes.data();
    }
    t.trie.lookup_bulk(keys, values, PrefixTrie::max_burst);
    for (unsigned i = 0; i < PrefixTrie::max_burst; ++i) {
      ASSERT_EQ(values[i], oracle.longest(addresses[i]).first) << addresses[i].to_string() << " round " << round;
      ASSERT_EQ(t.trie.lookup(keys[i]), values[i]);
    }
  }
  while (!oracle.prefixes.empty()) {
    const auto victim = oracle.prefixes.begin();
    const auto [cover, cover_length] = oracle.longest(victim->first.address, victim->first.length);
    const RetiredNodes retired =
        t.trie.erase(victim->first.address.bytes.data(), victim->first.length, cover, cover_length);
    for (unsigned i = 0; i < retired.count; ++i) t.nodes.give_back(retired.nodes[i]);
    oracle.prefixes.erase(victim);
  }
  EXPECT_EQ(t.nodes.available(), 4096U);  // not one leaked
  for (unsigned slot = 0; slot < trie_root_slots; ++slot) ASSERT_EQ(t.root[slot].load(), 0U);
}

TEST(PrefixTrie, AgreesWithTheOracleUnderChurnV4) {
  compare_under_churn(IpFamily::v4, 1);
}
TEST(PrefixTrie, AgreesWithTheOracleUnderChurnV6) {
  compare_under_churn(IpFamily::v6, 2);
}

TEST(PrefixTrie, CoversExactlyTheRangeOfEveryLength) {
  Trie t(64, 4);
  for (unsigned length = 1; length <= 32; ++length) {
    const auto prefix = IpPrefix{*IpAddress::parse("170.85.170.85"), static_cast<std::uint8_t>(length)}.network();
    t.trie.insert(prefix.address.bytes.data(), length, 7);
    const std::uint32_t first = static_cast<std::uint32_t>(prefix.address.bytes[0]) << 24 |
                                static_cast<std::uint32_t>(prefix.address.bytes[1]) << 16 |
                                static_cast<std::uint32_t>(prefix.address.bytes[2]) << 8 | prefix.address.bytes[3];
    const std::uint32_t last = first | static_cast<std::uint32_t>((std::uint64_t{1} << (32 - length)) - 1);
    const auto value = [&t](std::uint32_t address) {
      const std::uint8_t key[4] = {static_cast<std::uint8_t>(address >> 24), static_cast<std::uint8_t>(address >> 16),
                                   static_cast<std::uint8_t>(address >> 8), static_cast<std::uint8_t>(address)};
      return t.trie.lookup(key);
    };
    EXPECT_EQ(value(first), 7U) << length;
    EXPECT_EQ(value(last), 7U) << length;
    EXPECT_EQ(value(first - 1), 0U) << length;
    EXPECT_EQ(value(last + 1), 0U) << length;
    const RetiredNodes retired = t.trie.erase(prefix.address.bytes.data(), length, 0, 0);
    for (unsigned i = 0; i < retired.count; ++i) t.nodes.give_back(retired.nodes[i]);
    EXPECT_EQ(value(first), 0U) << length;
    EXPECT_EQ(t.nodes.available(), 64U);
  }
}

}  // namespace
}  // namespace sallyport::dataplane::prefix_trie_test
