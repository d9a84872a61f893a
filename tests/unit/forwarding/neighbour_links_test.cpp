#include "dataplane/forwarding/neighbour_links.hpp"

#include <gtest/gtest.h>

#include <random>
#include <thread>

namespace sallyport::dataplane::neighbour_links_test {
namespace {

NeighbourKey key(std::uint32_t address) {
  const std::uint8_t bytes[4] = {10, static_cast<std::uint8_t>(address >> 16), static_cast<std::uint8_t>(address >> 8),
                                 static_cast<std::uint8_t>(address)};
  return NeighbourKey::of(1, IpFamily::v4, bytes);
}

TEST(NeighbourLinks, HoldsAsManyAsItPromisesAndForgetsThemAll) {
  constexpr std::uint32_t capacity = 8192;
  NeighbourLinks links(capacity, 7);
  for (int round = 0; round < 3; ++round) {
    for (std::uint32_t i = 0; i < capacity; ++i) {
      ASSERT_EQ(links.find(key(i)), no_neighbour);
      ASSERT_TRUE(links.add(i, key(i)));
    }
    for (std::uint32_t i = 0; i < capacity; ++i) ASSERT_EQ(links.find(key(i)), i);
    for (std::uint32_t i = 0; i < capacity; ++i) links.remove(i);
  }
  for (std::uint32_t i = 0; i < capacity; ++i) ASSERT_EQ(links.find(key(i)), no_neighbour);
}

TEST(NeighbourLinks, WorksWithOneNeighbourAndWithTheMost) {
  NeighbourLinks one(1, 7);
  EXPECT_TRUE(one.add(0, key(1)));
  EXPECT_EQ(one.find(key(1)), 0U);
  NeighbourLinks most(NeighbourLinks::max_capacity, 7);
  EXPECT_TRUE(most.add(NeighbourLinks::max_capacity - 1, key(1)));
  EXPECT_EQ(most.find(key(1)), NeighbourLinks::max_capacity - 1);
}

TEST(NeighbourLinks, TellsApartPortsAndFamilies) {
  NeighbourLinks links(16, 7);
  const std::uint8_t bytes[16] = {10, 0, 0, 1};
  ASSERT_TRUE(links.add(1, NeighbourKey::of(1, IpFamily::v4, bytes)));
  ASSERT_TRUE(links.add(2, NeighbourKey::of(2, IpFamily::v4, bytes)));
  ASSERT_TRUE(links.add(3, NeighbourKey::of(1, IpFamily::v6, bytes)));
  EXPECT_EQ(links.find(NeighbourKey::of(1, IpFamily::v4, bytes)), 1U);
  EXPECT_EQ(links.find(NeighbourKey::of(2, IpFamily::v4, bytes)), 2U);
  EXPECT_EQ(links.find(NeighbourKey::of(1, IpFamily::v6, bytes)), 3U);
}

TEST(NeighbourLinks, SaysOnceThatAWorkerUsedAnEntry) {
  NeighbourLinks links(16, 7);
  ASSERT_TRUE(links.add(1, key(1)));
  links.set_mac(1, MacAddress{{2, 0, 0, 0, 0, 1}});
  EXPECT_FALSE(links.take_in_use(1));
  MacAddress mac;
  EXPECT_TRUE(links.resolve(1, mac));
  EXPECT_TRUE(links.take_in_use(1));
  EXPECT_FALSE(links.take_in_use(1));
}

// Slots change owners all the time; a reader must never see one neighbour's address with another's MAC.
TEST(NeighbourLinks, NeverMixesTwoNeighboursUnderAReader) {
  constexpr std::uint32_t capacity = 8, addresses = 64;
  constexpr std::uint64_t first_mac = 0x020000000000;
  NeighbourLinks links(capacity, 7);
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> wrong{0}, resolved{0}, tried{0};
  std::thread reader([&] {
    std::mt19937 random(1);
    while (!stop.load(std::memory_order_relaxed)) {
      const auto wanted = static_cast<std::uint32_t>(random() % addresses);
      const std::uint8_t bytes[4] = {10, 0, 0, static_cast<std::uint8_t>(wanted)};
      std::uint32_t index = 0;
      MacAddress mac;
      if (links.resolve(1, IpFamily::v4, bytes, index, mac)) {
        resolved.fetch_add(1, std::memory_order_relaxed);
        if (mac.to_u64() != first_mac + wanted) wrong.fetch_add(1, std::memory_order_relaxed);
      }
      tried.fetch_add(1, std::memory_order_relaxed);
    }
  });
  std::mt19937 random(2);
  std::array<std::uint32_t, capacity> owner{};
  owner.fill(no_neighbour);
  for (int change = 0; change < 200000 || (resolved.load() < 1000 && tried.load() < 100'000'000); ++change) {
    const auto slot = static_cast<std::uint32_t>(random() % capacity);
    const auto next = static_cast<std::uint32_t>(random() % addresses);
    if (links.find(key(next)) != no_neighbour) continue;
    if (owner[slot] != no_neighbour) links.remove(slot);
    owner[slot] = no_neighbour;
    if (!links.add(slot, key(next))) continue;
    links.set_mac(slot, MacAddress::from_u64(first_mac + next));
    owner[slot] = next;
  }
  stop.store(true);
  reader.join();
  EXPECT_EQ(wrong.load(), 0U);
  EXPECT_GT(resolved.load(), 0U);
}

}  // namespace
}  // namespace sallyport::dataplane::neighbour_links_test
