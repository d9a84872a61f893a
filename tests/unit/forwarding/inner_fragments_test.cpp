#include "dataplane/forwarding/inner_fragments.hpp"

#include <gtest/gtest.h>

#include "dataplane/forwarding/held_fragments.hpp"
#include "tests/unit/packet/packets.hpp"

namespace sallyport::dataplane::inner_fragments_test {
namespace {

using namespace test;

constexpr std::uint64_t hz = 1'000'000;
constexpr std::uint64_t start = 77 * hz;

InnerFragmentKey key(std::uint32_t ingress, std::uint32_t identification) {
  return {.source = {10, 8, 0, 2},
          .destination = {10, 0, 0, 7},
          .identification = identification,
          .ingress = ingress,
          .protocol = IpProtocol::udp,
          .family = IpFamily::v4};
}

struct Table {
  explicit Table(std::size_t count) : entries(count), fragments(entries, hz, 7) {}
  std::vector<InnerFragmentEntry> entries;
  InnerFragments fragments;
};

TEST(InnerFragments, GiveLaterFragmentsTheDecisionOfTheFirst) {
  Table table(1024);
  EXPECT_FALSE(table.fragments.find(key(1, 1), 1480, start));
  table.fragments.remember(key(1, 1), 0xfedcba9876543210, 1480, start);
  EXPECT_EQ(table.fragments.find(key(1, 1), 1480, start), 0xfedcba9876543210);
  EXPECT_EQ(table.fragments.find(key(1, 1), 2960, start + hz), 0xfedcba9876543210);
  EXPECT_FALSE(table.fragments.find(key(1, 2), 1480, start));
  EXPECT_FALSE(table.fragments.find(key(2, 1), 1480, start));
  table.fragments.remember(key(1, 1), 5, 1480, start);
  EXPECT_EQ(table.fragments.find(key(1, 1), 1480, start), 5U);
}

// RFC 3128, RFC 8200 section 4.5.
TEST(InnerFragments, DoNotLetAnOverlapThrough) {
  Table table(1024);
  table.fragments.remember(key(1, 1), 5, 1480, start);
  EXPECT_FALSE(table.fragments.find(key(1, 1), 24, start));
  EXPECT_FALSE(table.fragments.find(key(1, 1), 1472, start));
  EXPECT_TRUE(table.fragments.find(key(1, 1), 1480, start));
}

TEST(InnerFragments, ForgetAfterThirtySecondsHoweverOftenAsked) {
  Table table(1024);
  table.fragments.remember(key(1, 1), 5, 8, start);
  for (std::uint64_t s = 0; s < 30; ++s) EXPECT_TRUE(table.fragments.find(key(1, 1), 24, start + s * hz)) << s;
  EXPECT_FALSE(table.fragments.find(key(1, 1), 24, start + 30 * hz));
}

TEST(InnerFragments, PushOutTheLeastLatelyUsedAndExpiredOnesFirst) {
  Table table(4);
  for (std::uint32_t id = 0; id < 4; ++id) table.fragments.remember(key(1, id), id, 8, start + id);
  EXPECT_TRUE(table.fragments.find(key(1, 0), 8, start + 10));
  table.fragments.remember(key(1, 4), 4, 8, start + 11);
  EXPECT_TRUE(table.fragments.find(key(1, 0), 8, start + 12));
  EXPECT_FALSE(table.fragments.find(key(1, 1), 8, start + 12));
  // 0 has expired, though it was used later than 2.
  const std::uint64_t later = start + 30 * hz;
  table.fragments.remember(key(1, 5), 5, 8, later);
  EXPECT_TRUE(table.fragments.find(key(1, 2), 8, later));
  EXPECT_TRUE(table.fragments.find(key(1, 3), 8, later));
  EXPECT_TRUE(table.fragments.find(key(1, 4), 8, later));
  EXPECT_TRUE(table.fragments.find(key(1, 5), 8, later));
}

TEST(InnerFragments, AFloodOfOneIngressPushesOutItsOwn) {
  Table table(1024);
  const auto count = [&](std::uint32_t ingress, std::uint32_t ids) {
    std::uint32_t found = 0;
    for (std::uint32_t id = 0; id < ids; ++id) found += table.fragments.find(key(ingress, id), 8, start + hz) ? 1 : 0;
    return found;
  };
  for (std::uint32_t id = 0; id < 128; ++id) table.fragments.remember(key(1, id), id, 8, start);
  for (std::uint32_t id = 0; id < 100'000; ++id) table.fragments.remember(key(2, id), id, 8, start + id);
  EXPECT_GE(count(1, 128), 120U);  // by chance, a few sets had more of them than of the flood
  // Newcomers get their places from the flood.
  for (std::uint32_t id = 0; id < 64; ++id) table.fragments.remember(key(3, id), id, 8, start + hz);
  EXPECT_EQ(count(3, 64), 64U);
  EXPECT_GE(count(1, 128), 115U);
}

TEST(InnerFragments, AreKnownByWhatTellsDatagramsApart) {
  const auto of = [](const Bytes& packet, std::uint32_t ingress = 1) {
    return InnerFragmentKey::of(ingress, packet, parsed(packet));
  };
  const Bytes first = v4({.fragment = 0x2000}, udp(1, 2, Bytes(8)));
  EXPECT_EQ(of(first), of(v4({.fragment = 2}, Bytes(8))));
  EXPECT_EQ(of(first).identification, 0x1234U);
  EXPECT_EQ(of(first).source, (std::array<std::uint8_t, 16>{10, 8, 0, 2}));
  EXPECT_EQ(of(first).destination, (std::array<std::uint8_t, 16>{10, 0, 0, 7}));
  EXPECT_NE(of(first), of(first, 2));
  EXPECT_NE(of(first), of(v4({.protocol = 6, .fragment = 3}, Bytes(8))));
  EXPECT_NE(of(first), of(v4({.source = "10.8.0.3", .fragment = 3}, Bytes(8))));

  // RFC 8200 section 4.5: of an IPv6 fragment only the first one's next header counts.
  const auto fragment6 = [](std::uint8_t protocol, std::uint8_t offset_and_more, std::uint8_t id) {
    return v6({.next_header = 44}, Bytes{protocol, 0, 0, offset_and_more, 0, 0, 1, id} + Bytes(16));
  };
  EXPECT_EQ(of(fragment6(17, 1, 9)), of(fragment6(6, 24, 9)));
  EXPECT_EQ(of(fragment6(17, 1, 9)).identification, 0x109U);
  EXPECT_NE(of(fragment6(17, 1, 9)), of(fragment6(17, 24, 8)));
}

struct Held {
  void* hold(std::uint32_t ingress, std::uint32_t id, std::uint64_t now = start) {
    void* packet = &packets[next++];
    return fragments.hold(key(ingress, id), packet, now) ? packet : nullptr;
  }
  std::vector<void*> take(std::uint32_t ingress, std::uint32_t id) {
    std::array<void*, HeldFragments::max_held_per_datagram> out{};
    const std::size_t taken = fragments.take_held(key(ingress, id), out);
    return std::vector<void*>(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(taken));
  }
  std::vector<void*> expire(std::uint64_t now) {
    std::vector<void*> given_up;
    fragments.expire(now, [&](void* packet) { given_up.push_back(packet); });
    return given_up;
  }
  HeldFragments fragments{hz};
  std::array<char, 1024> packets{};
  std::size_t next = 0;
};

TEST(HeldFragments, ComeBackInTheirOrderWhenTheFirstArrives) {
  Held held;
  void* a1 = held.hold(1, 1);
  void* b1 = held.hold(1, 2);
  void* a2 = held.hold(1, 1);
  void* c1 = held.hold(2, 1);
  EXPECT_EQ(held.take(1, 1), (std::vector{a1, a2}));
  EXPECT_TRUE(held.take(1, 1).empty());
  EXPECT_EQ(held.fragments.size(), 2U);
  EXPECT_EQ(held.take(2, 1), std::vector{c1});
  EXPECT_EQ(held.take(1, 2), std::vector{b1});
  EXPECT_EQ(held.fragments.size(), 0U);
}

TEST(HeldFragments, AreGivenUpAfterASecond) {
  Held held;
  void* a = held.hold(1, 1, start);
  void* b = held.hold(1, 2, start + hz / 2);
  EXPECT_TRUE(held.expire(start + hz).empty());
  EXPECT_EQ(held.expire(start + hz + 1), std::vector{a});
  EXPECT_TRUE(held.take(1, 1).empty());
  EXPECT_TRUE(held.expire(start).empty());  // an earlier time harms nobody
  EXPECT_EQ(held.expire(~std::uint64_t{0}), std::vector{b});
  EXPECT_EQ(held.fragments.size(), 0U);
}

TEST(HeldFragments, AreFewPerDatagramPerIngressAndInAll) {
  Held held;
  constexpr std::uint32_t of_datagram = HeldFragments::max_held_per_datagram,
                          of_ingress = HeldFragments::max_held_per_ingress;
  static_assert(of_datagram * 1232 >= 65535, "of the smallest fragments that the least MTU makes");
  for (unsigned i = 0; i < of_datagram; ++i) EXPECT_TRUE(held.hold(1, 1)) << i;
  EXPECT_FALSE(held.hold(1, 1));
  for (std::uint32_t id = 2; id < 2 + of_ingress - of_datagram; ++id) EXPECT_TRUE(held.hold(1, id)) << id;
  EXPECT_FALSE(held.hold(1, 1000));
  for (std::uint32_t ingress = 2; ingress < 2 + HeldFragments::max_held - of_ingress; ++ingress)
    EXPECT_TRUE(held.hold(ingress, 1)) << ingress;
  EXPECT_EQ(held.fragments.size(), HeldFragments::max_held);
  EXPECT_FALSE(held.hold(1000, 1));
  EXPECT_EQ(held.take(1, 1).size(), of_datagram);
  EXPECT_TRUE(held.hold(1000, 1));
  EXPECT_EQ(held.take(2, 1).size(), 1U);
  EXPECT_EQ(held.expire(~std::uint64_t{0}).size(), HeldFragments::max_held - of_datagram);
}

}  // namespace
}  // namespace sallyport::dataplane::inner_fragments_test
