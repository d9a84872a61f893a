#include "controlplane/enrolment/address_pool.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <set>
#include <string>

namespace sallyport::controlplane::address_pool_test {
namespace {

using Prefixes = std::vector<IpPrefix>;

Prefixes prefixes(std::initializer_list<const char*> texts) {
  Prefixes result;
  for (const char* text : texts) result.push_back(IpPrefix::parse(text).value());
  return result;
}

AddressPool pool(std::initializer_list<const char*> texts) {
  return AddressPool(prefixes(texts));
}

// "10.8.0.1 fd08::1"; "none" when there is none left.
std::string taken(AddressPool& pool) {
  const auto hosts = pool.take();
  if (!hosts) return "none";
  std::string text;
  for (const IpPrefix& host : *hosts) text += (text.empty() ? "" : " ") + host.address.to_string();
  return text;
}

bool take(AddressPool& pool, std::initializer_list<const char*> hosts) {
  return pool.take(prefixes(hosts));
}

TEST(AddressPool, GivesTheLowestFreeAddressOfEachFamilyIpv4First) {
  AddressPool both = pool({"fd08:1::/64", "10.8.128.0/17"});
  EXPECT_EQ(taken(both), "10.8.128.1 fd08:1::1");
  EXPECT_EQ(taken(both), "10.8.128.2 fd08:1::2");
  EXPECT_EQ(taken(both), "10.8.128.3 fd08:1::3");
  both.give_back(prefixes({"10.8.128.2/32", "fd08:1::1/128"}));
  EXPECT_EQ(taken(both), "10.8.128.2 fd08:1::1");
  EXPECT_EQ(taken(both), "10.8.128.4 fd08:1::4");
}

TEST(AddressPool, WithoutPrefixesGivesNothing) {
  AddressPool empty = pool({});
  EXPECT_EQ(taken(empty), "none");
  EXPECT_EQ(empty.capacity(), 0U);
  EXPECT_FALSE(empty.contains(IpAddress::v4(10, 0, 0, 1)));
  EXPECT_FALSE(take(empty, {"10.0.0.1/32"}));
}

TEST(AddressPool, KeepsTheAddressesThatAreNoHosts) {
  struct Case {
    const char* prefix;
    std::vector<std::string> hosts;
  };
  for (const auto& [prefix, hosts] : std::vector<Case>{{"10.0.0.8/30", {"10.0.0.9", "10.0.0.10"}},
                                                       {"10.0.0.8/31", {"10.0.0.8", "10.0.0.9"}},
                                                       {"10.0.0.8/32", {"10.0.0.8"}},
                                                       {"fd00::8/126", {"fd00::9", "fd00::a", "fd00::b"}},
                                                       {"fd00::8/127", {"fd00::8", "fd00::9"}},
                                                       {"fd00::8/128", {"fd00::8"}}}) {
    AddressPool small = pool({prefix});
    EXPECT_EQ(small.capacity(), hosts.size()) << prefix;
    for (const std::string& host : hosts) EXPECT_EQ(taken(small), host) << prefix;
    EXPECT_EQ(taken(small), "none") << prefix;
  }
  AddressPool nested = pool({"10.0.0.0/29", "10.0.0.4/31", "10.0.0.0/30"});
  EXPECT_EQ(nested.capacity(), 5U);  // 1, 2, 4, 5 and 6: the 3 is a broadcast address
  EXPECT_FALSE(nested.contains(IpAddress::v4(10, 0, 0, 3)));
}

TEST(AddressPool, AFamilyThatIsExhaustedTakesNothingOfTheOther) {
  AddressPool both = pool({"10.0.0.0/31", "fd00::/64"});
  EXPECT_EQ(both.capacity(), 2U);
  EXPECT_EQ(taken(both), "10.0.0.0 fd00::1");
  EXPECT_EQ(taken(both), "10.0.0.1 fd00::2");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(taken(both), "none");
  both.give_back(prefixes({"10.0.0.1/32"}));
  EXPECT_EQ(taken(both), "10.0.0.1 fd00::3");
}

TEST(AddressPool, TakesWhatIsRememberedAsAWholeOrNotAtAll) {
  AddressPool both = pool({"10.0.0.0/24", "fd00::/64"});
  EXPECT_TRUE(take(both, {"10.0.0.1/32", "fd00::7/128"}));
  EXPECT_EQ(taken(both), "10.0.0.2 fd00::1");
  const std::string next = "10.0.0.3 fd00::2";
  EXPECT_FALSE(take(both, {"10.0.0.3/32", "fd00::7/128"})) << "the second one is taken";
  EXPECT_FALSE(take(both, {"10.0.0.3/32", "10.0.0.3/32"})) << "twice";
  EXPECT_FALSE(take(both, {"10.0.0.3/32", "10.0.1.1/32"})) << "of no prefix";
  EXPECT_FALSE(take(both, {"10.0.0.3/32", "10.0.0.0/32"})) << "the network";
  EXPECT_FALSE(take(both, {"10.0.0.3/32", "10.0.0.255/32"})) << "broadcast";
  EXPECT_FALSE(take(both, {"10.0.0.3/32", "fd00::/128"})) << "the routers";
  EXPECT_FALSE(take(both, {"10.0.0.3/32", "10.0.0.128/25"})) << "no host";
  EXPECT_FALSE(take(both, {}));
  EXPECT_FALSE(both.take(Prefixes{IpPrefix{}}));
  EXPECT_FALSE(both.take(Prefixes{{IpAddress::v4(10, 0, 0, 3), 33}}));
  EXPECT_EQ(taken(both), next);
  EXPECT_TRUE(take(both, {"10.0.0.9/32"})) << "before the pool had IPv6";
}

TEST(AddressPool, WhatIsNotTakenCannotBeGivenBack) {
  AddressPool small = pool({"10.0.0.0/30"});
  small.give_back(prefixes({"10.0.0.0/32", "10.0.0.3/32", "10.0.0.1/32", "10.9.9.9/32", "fd00::1/128", "10.0.0.0/30"}));
  small.give_back(Prefixes{IpPrefix{}});
  EXPECT_EQ(taken(small), "10.0.0.1");
  EXPECT_EQ(taken(small), "10.0.0.2");
  EXPECT_EQ(taken(small), "none");
}

TEST(AddressPool, GivesNothingThatOthersHave) {
  AddressPool both = pool({"10.0.0.0/24", "fd00::/64"});
  both.reserve(IpPrefix::parse("10.0.0.1/24").value());  // an interface's address with its prefix: all of it
  EXPECT_EQ(both.capacity(), 0U);
  EXPECT_EQ(taken(both), "none");
  both.set_reserved(prefixes({"10.0.0.1/32", "10.0.0.2/31", "10.0.0.0/29", "fd00::/127", "10.9.0.0/16", "::/128"}));
  EXPECT_EQ(both.capacity(), 254U - 7U);
  EXPECT_EQ(taken(both), "10.0.0.8 fd00::2");
  EXPECT_FALSE(take(both, {"10.0.0.5/32"}));
  EXPECT_TRUE(both.contains(IpAddress::v4(10, 0, 0, 5)));
  both.reserve(IpPrefix::parse("10.0.0.9/32").value());
  both.reserve(IpPrefix::parse("192.0.2.0/24").value());
  EXPECT_EQ(taken(both), "10.0.0.10 fd00::3");
  both.set_reserved({});
  EXPECT_EQ(taken(both), "10.0.0.1 fd00::1");
  EXPECT_EQ(both.capacity(), 254U);
}

TEST(AddressPool, OfIpv4AloneKnowsNothingOfReservedIpv6) {
  AddressPool v4 = pool({"10.0.0.0/24"});
  v4.reserve(IpPrefix::parse("::/0").value());
  v4.set_reserved(prefixes({"::/0"}));
  EXPECT_EQ(taken(v4), "10.0.0.1");
}

TEST(AddressPool, AnAddressThatIsReservedWhileItIsTakenStaysUntilItIsGivenBack) {
  AddressPool small = pool({"10.0.0.0/30"});
  EXPECT_EQ(taken(small), "10.0.0.1");
  small.reserve(IpPrefix::parse("10.0.0.1/32").value());
  EXPECT_EQ(taken(small), "10.0.0.2");
  small.give_back(prefixes({"10.0.0.1/32"}));
  EXPECT_EQ(taken(small), "none");
  small.set_reserved({});
  EXPECT_EQ(taken(small), "10.0.0.1");
}

TEST(AddressPool, MayBeEverything) {
  AddressPool all = pool({"0.0.0.0/0", "::/0"});
  EXPECT_EQ(all.capacity(), (std::uint64_t{1} << 32) - 2);
  EXPECT_EQ(taken(all), "0.0.0.1 ::1");
  EXPECT_TRUE(take(all, {"255.255.255.254/32", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128"}));
  EXPECT_FALSE(take(all, {"255.255.255.255/32"}));
  EXPECT_EQ(pool({"::/0"}).capacity(), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(pool({"fd00::/64"}).capacity(), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(pool({"fd00::/65"}).capacity(), (std::uint64_t{1} << 63) - 1);
}

// The same, from the description and slow: every address by itself.
class Oracle {
 public:
  explicit Oracle(const Prefixes& prefixes) {
    std::set<IpAddress> no_hosts;
    for (const IpPrefix& prefix : prefixes) {
      const bool has_no_hosts = prefix.address.bits() - prefix.length > 1;
      std::vector<IpAddress> all;
      for (unsigned i = 0; i < 1U << (prefix.address.bits() - prefix.length); ++i) {
        IpAddress address = prefix.address;
        std::uint8_t& byte = address.bytes[address.is_v4() ? 3 : 15];
        byte = static_cast<std::uint8_t>(byte + i);
        all.push_back(address);
      }
      hosts_.insert(all.begin(), all.end());
      if (has_no_hosts) no_hosts.insert(all.front());
      if (has_no_hosts && prefix.address.is_v4()) no_hosts.insert(all.back());
    }
    for (const IpAddress& address : no_hosts) hosts_.erase(address);
  }
  [[nodiscard]] bool is_free(const IpAddress& a) const { return is_leasable(a) && !taken.contains(a); }
  [[nodiscard]] bool is_leasable(const IpAddress& address) const {
    return hosts_.contains(address) && std::none_of(reserved.begin(), reserved.end(),
                                                    [&](const IpPrefix& prefix) { return prefix.contains(address); });
  }
  [[nodiscard]] bool has(IpFamily family) const {
    return std::any_of(hosts_.begin(), hosts_.end(), [&](const IpAddress& a) { return a.family == family; });
  }
  [[nodiscard]] std::size_t capacity() const {
    std::size_t least = std::numeric_limits<std::size_t>::max();
    for (const IpFamily family : {IpFamily::v4, IpFamily::v6})
      if (has(family))
        least = std::min(least,
                         static_cast<std::size_t>(std::count_if(hosts_.begin(), hosts_.end(), [&](const IpAddress& a) {
                           return a.family == family && is_leasable(a);
                         })));
    return least;
  }
  std::optional<Prefixes> take() {
    Prefixes result;
    for (const IpFamily family : {IpFamily::v4, IpFamily::v6}) {
      const auto lowest = std::find_if(hosts_.begin(), hosts_.end(),
                                       [&](const IpAddress& a) { return a.family == family && is_free(a); });
      if (lowest != hosts_.end()) {
        result.push_back(IpPrefix::host(*lowest));
      } else if (has(family)) {
        return std::nullopt;
      }
    }
    for (const IpPrefix& host : result) taken.insert(host.address);
    return result;
  }

  std::set<IpAddress> taken;
  Prefixes reserved;

 private:
  std::set<IpAddress> hosts_;
};

class RandomAddresses {
 public:
  explicit RandomAddresses(std::uint32_t seed) : random_(seed) {}
  unsigned below(unsigned limit) { return static_cast<unsigned>(random_() % limit); }
  // In 10.0.0.0/27 or fd00::/123.
  IpPrefix prefix(unsigned longest_host_part) {
    IpAddress address = below(2) == 0 ? IpAddress::v4(10, 0, 0, 0) : IpAddress::parse("fd00::").value();
    address.bytes[address.is_v4() ? 3 : 15] = static_cast<std::uint8_t>(below(32));
    return IpPrefix{address, static_cast<std::uint8_t>(address.bits() - below(longest_host_part + 1))}.network();
  }
  Prefixes list(unsigned most, unsigned longest_host_part) {
    Prefixes result;
    for (unsigned i = below(most + 1); i > 0; --i) result.push_back(prefix(longest_host_part));
    return result;
  }

 private:
  std::mt19937 random_;
};

TEST(AddressPool, AgreesWithAnOracleThatCountsEveryAddress) {
  unsigned given = 0, exhausted = 0, remembered = 0, refused = 0;
  for (std::uint32_t seed = 1; seed <= 300; ++seed) {
    RandomAddresses random(seed);
    Prefixes of_pool{random.prefix(4)};
    for (const IpPrefix& more : random.list(3, 4)) of_pool.push_back(more);
    AddressPool pool(of_pool);
    Oracle oracle(of_pool);
    for (unsigned step = 0; step < 150; ++step) {
      SCOPED_TRACE("seed " + std::to_string(seed) + ", step " + std::to_string(step));
      switch (random.below(8)) {
        case 0: {
          const Prefixes hosts{IpPrefix::host(random.prefix(0).address), IpPrefix::host(random.prefix(0).address)};
          const bool free =
              oracle.is_free(hosts[0].address) && oracle.is_free(hosts[1].address) && hosts[0] != hosts[1];
          ASSERT_EQ(pool.take(hosts), free);
          if (free) oracle.taken.insert({hosts[0].address, hosts[1].address});
          ++(free ? remembered : refused);
          break;
        }
        case 1:
        case 2: {
          const IpPrefix host = random.prefix(0);
          pool.give_back(Prefixes{host});
          oracle.taken.erase(host.address);
          break;
        }
        case 3: {
          const IpPrefix reserved = random.prefix(2);
          pool.reserve(reserved);
          oracle.reserved.push_back(reserved);
          break;
        }
        case 4:
          oracle.reserved = random.list(4, 3);
          pool.set_reserved(oracle.reserved);
          break;
        default: {
          const auto hosts = pool.take();
          ASSERT_EQ(hosts, oracle.take());
          ++(hosts ? given : exhausted);
        }
      }
      ASSERT_EQ(pool.capacity(), oracle.capacity());
    }
  }
  EXPECT_GT(given, 2000U);
  EXPECT_GT(exhausted, 2000U);
  EXPECT_GT(remembered, 30U);
  EXPECT_GT(refused, 1000U);
}

// A pool that looked through its gaps one by one would not end.
TEST(AddressPool, AMillionPeersTakeNoTimeHoweverTheyComeAndGo) {
  AddressPool large = pool({"10.0.0.0/8", "fd00::/64"});
  std::vector<Prefixes> peers;
  for (unsigned i = 0; i < 1'000'000; ++i) peers.push_back(large.take().value());
  EXPECT_EQ(peers.back()[1].address.to_string(), "fd00::f:4240");
  // As many gaps as there can be.
  for (std::size_t i = 0; i < peers.size(); i += 2) large.give_back(peers[i]);
  for (std::size_t i = 0; i < peers.size(); i += 2) ASSERT_EQ(large.take(), peers[i]);
}

}  // namespace
}  // namespace sallyport::controlplane::address_pool_test
