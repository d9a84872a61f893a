#include "dataplane/forwarding/route_table.hpp"

#include <gtest/gtest.h>
#include <rte_malloc.h>

#include <random>
#include <thread>

namespace sallyport::dataplane::route_table_test {
namespace {

IpAddress ip(std::string_view text) {
  return *IpAddress::parse(text);
}
IpPrefix prefix(std::string_view text) {
  return *IpPrefix::parse(text);
}
RouteEntry to_peer(std::uint32_t peer_id) {
  return {.kind = NextHopKind::peer, .peer_id = peer_id};
}

class Readers {
 public:
  Readers() : memory_(rte_zmalloc(nullptr, rte_rcu_qsbr_get_memsize(4), 64)) { rte_rcu_qsbr_init(get(), 4); }
  ~Readers() { rte_free(memory_); }
  [[nodiscard]] rte_rcu_qsbr* get() const { return static_cast<rte_rcu_qsbr*>(memory_); }
  void start(unsigned id) const {
    ASSERT_EQ(rte_rcu_qsbr_thread_register(get(), id), 0);
    rte_rcu_qsbr_thread_online(get(), id);
  }
  void quiescent(unsigned id) const { rte_rcu_qsbr_quiescent(get(), id); }
  void stop(unsigned id) const {
    rte_rcu_qsbr_thread_offline(get(), id);
    ASSERT_EQ(rte_rcu_qsbr_thread_unregister(get(), id), 0);
  }

 private:
  void* memory_;
};

class RouteTableTest : public testing::Test {
 protected:
  void make(const RouteLimits& limits) {
    auto created = RouteTable::create(limits, readers.get(), "test", SOCKET_ID_ANY);
    ASSERT_TRUE(created) << created.error();
    table = std::move(*created);
  }
  [[nodiscard]] std::uint32_t peer_at(std::string_view address) const {
    const RouteEntry& entry = table->entry(table->lookup(ip(address)));
    return entry.kind == NextHopKind::none ? 0 : entry.peer_id;
  }
  Readers readers;
  std::unique_ptr<RouteTable> table;
};

TEST_F(RouteTableTest, PrefersHostsThenLongerPrefixesThenTheDefault) {
  make({.max_hosts = 16, .max_prefixes = 16});
  EXPECT_EQ(peer_at("10.1.2.3"), 0U);
  EXPECT_EQ(table->entry(RouteIndex::none).kind, NextHopKind::none);
  const std::pair<const char*, std::uint32_t> routes[] = {
      {"0.0.0.0/0", 1}, {"10.0.0.0/8", 2}, {"10.1.2.0/24", 3}, {"10.1.2.2/31", 4},  {"10.1.2.3/32", 5},
      {"::/0", 11},     {"fd00::/8", 12},  {"fd00::/64", 13},  {"fd00::2/127", 14}, {"fd00::3/128", 15}};
  for (const auto& [text, peer] : routes) EXPECT_EQ(table->set(prefix(text), to_peer(peer)), RouteError::none);
  const std::pair<const char*, std::uint32_t> expected[] = {
      {"192.0.2.1", 1}, {"10.2.0.0", 2}, {"10.1.2.4", 3}, {"10.1.2.2", 4}, {"10.1.2.3", 5},
      {"2001::", 11},   {"fd01::", 12},  {"fd00::4", 13}, {"fd00::2", 14}, {"fd00::3", 15}};
  for (const auto& [address, peer] : expected) EXPECT_EQ(peer_at(address), peer) << address;
  for (auto at = std::rbegin(routes); at != std::rend(routes); ++at) {
    EXPECT_EQ(table->get(prefix(at->first)), to_peer(at->second));
    EXPECT_EQ(table->remove(prefix(at->first)), RouteError::none);
    EXPECT_FALSE(table->get(prefix(at->first)));
  }
  for (const auto& [address, peer] : expected) EXPECT_EQ(peer_at(address), 0U) << address;
  EXPECT_TRUE(table->routes().empty());
}

TEST_F(RouteTableTest, ChangesARouteInPlace) {
  make({.max_hosts = 16, .max_prefixes = 16});
  for (const char* text : {"0.0.0.0/0", "10.0.0.0/8", "10.0.0.1/32", "::/0", "fd00::/8", "fd00::1/128"})
    for (const std::uint32_t peer : {1U, 2U, 2U, 3U}) {
      ASSERT_EQ(table->set(prefix(text), to_peer(peer)), RouteError::none);
      ASSERT_EQ(table->get(prefix(text)), to_peer(peer));
      ASSERT_EQ(peer_at(text[0] == '0'                          ? "1.1.1.1"
                        : prefix(text).address.is_unspecified() ? "2001::1"
                                                                : prefix(text).address.to_string()),
                peer);
    }
  EXPECT_EQ(table->routes().size(), 6U);
}

TEST_F(RouteTableTest, RefusesWhatIsNoRoute) {
  make({.max_hosts = 16, .max_prefixes = 16});
  EXPECT_EQ(table->set({}, to_peer(1)), RouteError::invalid_prefix);
  EXPECT_EQ(table->set(prefix("10.0.0.1/8"), to_peer(1)), RouteError::invalid_prefix);
  EXPECT_EQ(table->set(prefix("10.0.0.0/8"), RouteEntry{}), RouteError::invalid_prefix);
  EXPECT_EQ(table->remove(prefix("10.0.0.0/8")), RouteError::not_found);
  EXPECT_EQ(table->remove({}), RouteError::invalid_prefix);
  EXPECT_EQ(table->lookup({}), RouteIndex::none);
}

TEST_F(RouteTableTest, SaysWhatIsFullAndGoesOn) {
  make({.max_hosts = 4, .max_prefixes = 4});
  for (unsigned i = 0; i < 4; ++i) {
    const auto byte = static_cast<std::uint8_t>(i);
    EXPECT_EQ(table->set(IpPrefix::host(IpAddress::v4(10, 0, 0, byte)), to_peer(1)), RouteError::none);
    EXPECT_EQ(table->set({IpAddress::v4(11, byte, 0, 0), 16}, to_peer(1)), RouteError::none);
  }
  EXPECT_EQ(table->set(prefix("10.0.1.0/32"), to_peer(1)), RouteError::too_many_hosts);
  EXPECT_EQ(table->set(prefix("12.0.0.0/16"), to_peer(1)), RouteError::too_many_prefixes);
  EXPECT_EQ(table->set(prefix("fd00::1/128"), to_peer(1)), RouteError::none);  // its own bound
  EXPECT_EQ(table->set(prefix("0.0.0.0/0"), to_peer(1)), RouteError::none);
  EXPECT_EQ(table->set(prefix("10.0.0.3/32"), to_peer(2)), RouteError::none);  // a change needs no room
  EXPECT_EQ(table->remove(prefix("10.0.0.0/32")), RouteError::none);
  EXPECT_EQ(table->set(prefix("10.0.1.0/32"), to_peer(1)), RouteError::none);
}

TEST_F(RouteTableTest, SaysWhenTheTrieIsFull) {
  make({.max_hosts = 4, .max_prefixes = 1000});
  RouteError error = RouteError::none;
  unsigned added = 0;
  for (; added < 1000 && error == RouteError::none; ++added) {
    IpAddress address = ip("2001:db8::");
    address.bytes[2] = static_cast<std::uint8_t>(added >> 8);
    address.bytes[3] = static_cast<std::uint8_t>(added);
    error = table->set({address, 120}, to_peer(1));
  }
  EXPECT_EQ(error, RouteError::trie_full);
  EXPECT_GT(added, 200U);
  EXPECT_EQ(table->prefix_count(), added - 1);
  EXPECT_EQ(table->set(prefix("2001:db9::/32"), to_peer(2)), RouteError::none);
  EXPECT_EQ(peer_at("2001:db9::1"), 2U);
}

TEST_F(RouteTableTest, HoldsAsManyHostsAsItPromises) {
  constexpr std::uint32_t hosts = 20000;
  make({.max_hosts = hosts, .max_prefixes = 4});
  std::mt19937 random(4);
  std::map<IpAddress, std::uint32_t> expected;
  for (const IpFamily family : {IpFamily::v4, IpFamily::v6})
    for (std::uint32_t added = 0; added < hosts;) {
      IpAddress address{.family = family};
      for (unsigned i = 0; i < address.bits() / 8; ++i) address.bytes[i] = static_cast<std::uint8_t>(random());
      if (!expected.emplace(address, added + 1).second) continue;
      ASSERT_EQ(table->set(IpPrefix::host(address), to_peer(++added)), RouteError::none);
    }
  for (const auto& [address, peer] : expected) ASSERT_EQ(table->entry(table->lookup(address)).peer_id, peer);
}

TEST_F(RouteTableTest, NeedsNoMoreMemoryThanItSays) {
  const RouteLimits limits{.max_hosts = 50000, .max_prefixes = 5000};
  rte_malloc_socket_stats before{}, after{};
  rte_malloc_get_socket_stats(0, &before);
  make(limits);
  rte_malloc_get_socket_stats(0, &after);
  const std::size_t used = after.heap_allocsz_bytes - before.heap_allocsz_bytes;
  EXPECT_LE(used, route_table_bytes(limits));
  EXPECT_GE(used * 2, route_table_bytes(limits));
}

TEST_F(RouteTableTest, SaysWhatCouldNotBeAllocated) {
  const auto created =
      RouteTable::create({.max_hosts = 16, .max_prefixes = 1 << 20}, readers.get(), "big", SOCKET_ID_ANY);
  ASSERT_FALSE(created);
  EXPECT_NE(created.error().find("route table"), std::string::npos);
  EXPECT_FALSE(RouteTable::create({.max_hosts = 0, .max_prefixes = 16}, readers.get(), "none", SOCKET_ID_ANY));
}

TEST_F(RouteTableTest, ReusesAnEntryOnlyAfterTheReadersMovedOn) {
  make({.max_hosts = 16, .max_prefixes = 16});
  ASSERT_EQ(table->set(prefix("10.0.0.0/20"), to_peer(1)), RouteError::none);
  readers.start(0);
  const RouteIndex seen = table->lookup(ip("10.0.0.1"));
  ASSERT_EQ(table->remove(prefix("10.0.0.0/20")), RouteError::none);
  for (std::uint32_t i = 0; i < 100; ++i) {
    ASSERT_EQ(table->set(prefix("10.0.0.0/20"), to_peer(100 + i)), RouteError::none);
    table->poll();
  }
  EXPECT_EQ(table->entry(seen), to_peer(1));  // the reader may still look at it
  EXPECT_GT(table->waiting_for_readers(), 0U);
  readers.quiescent(0);
  table->poll();
  EXPECT_EQ(table->waiting_for_readers(), 0U);
  readers.stop(0);
}

TEST_F(RouteTableTest, IsBusyRatherThanWaitForAReaderThatStandsStill) {
  make({.max_hosts = 16, .max_prefixes = 16});
  readers.start(0);
  for (const char* text : {"10.0.0.1/32", "10.0.0.0/20"}) {
    RouteError error = RouteError::none;
    for (unsigned i = 0; i < 100000 && error == RouteError::none; ++i) {
      error = table->set(prefix(text), to_peer(1));
      if (error != RouteError::none) break;
      ASSERT_EQ(table->remove(prefix(text)), RouteError::none);
    }
    EXPECT_EQ(error, RouteError::busy) << text;
    EXPECT_FALSE(table->get(prefix(text)));
    readers.quiescent(0);
    for (int i = 0; i < 10; ++i) table->poll();
    EXPECT_EQ(table->set(prefix(text), to_peer(2)), RouteError::none);
    EXPECT_EQ(table->get(prefix(text)), to_peer(2));
  }
  readers.stop(0);
}

IpAddress crowded_address(std::mt19937& random, IpFamily family) {
  IpAddress address{.family = family};
  for (unsigned i = 0; i < address.bits() / 8; ++i) address.bytes[i] = static_cast<std::uint8_t>(random() % 3 * 64);
  return address;
}

TEST_F(RouteTableTest, AgreesWithTheOracleUnderChurn) {
  make({.max_hosts = 200, .max_prefixes = 400});
  std::mt19937 random(5);
  std::map<IpPrefix, std::uint32_t> oracle;
  for (std::uint32_t round = 1; round < 6000; ++round) {
    const IpFamily family = random() % 2 == 0 ? IpFamily::v4 : IpFamily::v6;
    const unsigned bits = family == IpFamily::v4 ? 32 : 128;
    const auto length = static_cast<std::uint8_t>(random() % 4 == 0 ? bits : random() % (bits + 1));
    const IpPrefix route = IpPrefix{crowded_address(random, family), length}.network();
    if (random() % 3 != 0) {
      const RouteError error = table->set(route, to_peer(round));
      ASSERT_TRUE(error == RouteError::none || error == RouteError::too_many_hosts) << to_string(error);
      if (error == RouteError::none) oracle[route] = round;
    } else if (!oracle.empty()) {
      const auto victim = std::next(oracle.begin(), static_cast<int>(random() % oracle.size()));
      ASSERT_EQ(table->remove(victim->first), RouteError::none);
      oracle.erase(victim);
    }
    while (oracle.size() > 300) {
      ASSERT_EQ(table->remove(oracle.begin()->first), RouteError::none);
      oracle.erase(oracle.begin());
    }
    constexpr unsigned burst = 100;  // more than one internal burst
    IpAddress addresses[burst];
    const std::uint8_t* keys[burst];
    RouteIndex found[burst];
    for (unsigned i = 0; i < burst; ++i) {
      addresses[i] = crowded_address(random, family);
      keys[i] = addresses[i].bytes.data();
    }
    if (family == IpFamily::v4)
      table->lookup_v4(keys, found);
    else
      table->lookup_v6(keys, found);
    for (unsigned i = 0; i < burst; i += 7) {
      std::uint32_t expected = 0xffffffff;
      int longest = -1;
      for (const auto& [candidate, peer] : oracle)
        if (candidate.length > longest && candidate.contains(addresses[i])) {
          longest = candidate.length;
          expected = peer;
        }
      ASSERT_EQ(table->entry(found[i]).peer_id, expected) << addresses[i].to_string() << " round " << round;
    }
  }
}

// One thread changes routes below a prefix that stays, another looks up without a lock: it must never find nothing, nor
// a route that does not cover the address. Peer ids name the prefixes.
TEST_F(RouteTableTest, NeverShowsAReaderAHalfMadeChange) {
  make({.max_hosts = 64, .max_prefixes = 256});
  std::mt19937 random(6);
  std::vector<IpPrefix> prefixes{prefix("10.0.0.0/8"), prefix("fd00::/8")};
  while (prefixes.size() < 200) {
    IpAddress address = crowded_address(random, prefixes.size() % 2 == 0 ? IpFamily::v4 : IpFamily::v6);
    address.bytes[0] = address.is_v4() ? 10 : 0xfd;
    const unsigned bits = address.bits();
    const auto length = static_cast<std::uint8_t>(random() % 4 == 0 ? bits : 9 + random() % (bits - 9));
    prefixes.push_back(IpPrefix{address, length}.network());
  }
  ASSERT_EQ(table->set(prefixes[0], to_peer(0)), RouteError::none);
  ASSERT_EQ(table->set(prefixes[1], to_peer(1)), RouteError::none);

  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> wrong{0}, looked_up{0};
  readers.start(0);
  std::thread reader([&] {
    std::mt19937 own_random(7);
    constexpr unsigned burst = 32;
    while (!stop.load(std::memory_order_relaxed)) {
      IpAddress addresses[burst];
      const std::uint8_t* keys[burst];
      RouteIndex found[burst];
      const bool is_v4 = own_random() % 2 == 0;
      for (unsigned i = 0; i < burst; ++i) {
        addresses[i] = crowded_address(own_random, is_v4 ? IpFamily::v4 : IpFamily::v6);
        addresses[i].bytes[0] = is_v4 ? 10 : 0xfd;
        keys[i] = addresses[i].bytes.data();
      }
      if (is_v4)
        table->lookup_v4(keys, found);
      else
        table->lookup_v6(keys, found);
      for (unsigned i = 0; i < burst; ++i) {
        const RouteEntry& entry = table->entry(found[i]);
        if (entry.kind != NextHopKind::peer || entry.peer_id >= prefixes.size() ||
            !prefixes[entry.peer_id].contains(addresses[i]))
          wrong.fetch_add(1, std::memory_order_relaxed);
      }
      looked_up.fetch_add(burst, std::memory_order_relaxed);
      readers.quiescent(0);
    }
    readers.stop(0);
  });
  unsigned changes = 0;
  while (changes < 20000 || looked_up.load(std::memory_order_relaxed) < 50000) {
    const auto which = static_cast<std::uint32_t>(2 + random() % (prefixes.size() - 2));
    RouteEntry entry = to_peer(which);
    entry.neighbour_index = static_cast<std::uint32_t>(random());
    if (random() % 2 == 0)
      static_cast<void>(table->set(prefixes[which], entry));  // busy is fine
    else
      static_cast<void>(table->remove(prefixes[which]));
    table->poll();
    ++changes;
  }
  stop.store(true);
  reader.join();
  EXPECT_EQ(wrong.load(), 0U);
}

}  // namespace
}  // namespace sallyport::dataplane::route_table_test
