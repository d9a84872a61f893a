#include "dataplane/forwarding/neighbour_table.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

namespace sallyport::dataplane::neighbour_table_test {
namespace {

using State = NeighbourState;

IpAddress ip(std::string_view text) {
  return *IpAddress::parse(text);
}
MacAddress mac(unsigned last) {
  return {{2, 0, 0, 0, static_cast<std::uint8_t>(last >> 8), static_cast<std::uint8_t>(last)}};
}
void* packet(std::uintptr_t number) {
  return reinterpret_cast<void*>(number);
}

constexpr std::uint8_t lan = 1;
const IpAddress our_v4 = ip("10.0.0.1"), their_v4 = ip("10.0.0.9");
const IpAddress our_v6 = ip("fd00::1"), their_v6 = ip("fd00::9");

class NeighbourTableTest : public testing::Test {
 protected:
  // Everything that poll() said in the time that passed, in steps of the scan interval.
  void pass(std::uint64_t duration_ns) {
    sent.clear();
    dropped.clear();
    asked.clear();
    const std::uint64_t end = now + duration_ns;
    for (;; now = std::min(now + 100 * millisecond_ns, end)) {
      NeighbourWork work;
      for (bool more = true; more;) {
        more = table.poll(now, work);
        for (const auto& item : work.to_send) sent.push_back(item);
        for (const auto& item : work.to_drop) dropped.push_back(item);
        for (const auto& item : work.solicitations) asked.push_back(item);
      }
      if (now == end) return;
    }
  }
  ArpMessage arp(ArpOperation operation, const IpAddress& sender, unsigned sender_mac, const IpAddress& target) {
    return {.operation = operation, .sender_mac = mac(sender_mac), .sender = sender, .target = target};
  }
  void arp_reply(unsigned sender_mac, const IpAddress& sender = their_v4) {
    table.on_arp(lan, arp(ArpOperation::reply, sender, sender_mac, our_v4), true, now);
  }
  void arp_request(unsigned sender_mac, bool for_us, const IpAddress& sender = their_v4) {
    table.on_arp(lan, arp(ArpOperation::request, sender, sender_mac, for_us ? our_v4 : ip("10.0.0.77")), for_us, now);
  }
  struct Flags {
    bool solicited = true;
    bool override_entry = true;
    bool with_mac = true;
  };
  void advertise(unsigned their_mac, Flags flags) {
    table.on_neighbour_message(lan,
                               {.type = Icmp6Type::neighbour_advertisement,
                                .source = their_v6,
                                .destination = our_v6,
                                .target = their_v6,
                                .has_link_layer_address = flags.with_mac,
                                .link_layer_address = mac(their_mac),
                                .solicited = flags.solicited,
                                .override_entry = flags.override_entry},
                               true, now);
  }
  void solicit(unsigned their_mac, const IpAddress& source, bool for_us = true, bool with_mac = true) {
    table.on_neighbour_message(lan,
                               {.type = Icmp6Type::neighbour_solicitation,
                                .source = source,
                                .destination = our_v6,
                                .target = our_v6,
                                .has_link_layer_address = with_mac,
                                .link_layer_address = mac(their_mac)},
                               for_us, now);
  }
  State state(std::uint32_t index) const { return table.info(index).state; }
  bool use(std::uint32_t index) {
    MacAddress ignored;
    return table.links().resolve(index, ignored);
  }
  // An entry in the state that a table of transitions starts from.
  std::uint32_t entry_in(State wanted, const IpAddress& address) {
    const std::uint32_t index = table.find_or_create(lan, address, now);
    pass(0);
    if (wanted == State::incomplete) return index;
    if (wanted == State::failed) {
      pass(3 * second_ns);
      return index;
    }
    now += millisecond_ns;  // nobody uses it after the answer came
    if (address.is_v4())
      arp_reply(5, address);
    else
      advertise(5, {});
    if (wanted == State::reachable) return index;
    pass(6 * second_ns);
    if (wanted == State::stale) return index;
    use(index);
    pass(100 * millisecond_ns);
    if (wanted == State::delay) return index;
    pass(5 * second_ns);
    return index;
  }

  std::uint64_t now = 1000 * second_ns;
  NeighbourTable table{{.max_neighbours = 64, .max_held_per_neighbour = 4, .max_held = 16}, {}, 42};
  std::vector<NeighbourWork::Release> sent;
  std::vector<NeighbourWork::Failure> dropped;
  std::vector<NeighbourWork::Solicitation> asked;
};

TEST_F(NeighbourTableTest, AsksHoldsAndReleasesInOrder) {
  const std::uint32_t index = table.find_or_create(lan, their_v4, now);
  ASSERT_NE(index, no_neighbour);
  EXPECT_EQ(table.find_or_create(lan, their_v4, now), index);
  EXPECT_NE(table.find_or_create(lan + 1, their_v4, now), index);
  EXPECT_EQ(table.hold(index, packet(1), now), nullptr);
  EXPECT_EQ(table.hold(index, packet(2), now), nullptr);
  EXPECT_FALSE(use(index));
  pass(0);
  ASSERT_EQ(asked.size(), 2U);
  EXPECT_FALSE(asked[1].is_unicast);
  EXPECT_TRUE(sent.empty());
  arp_reply(5);
  EXPECT_EQ(state(index), State::reachable);
  EXPECT_TRUE(use(index));
  pass(0);
  ASSERT_EQ(sent.size(), 2U);
  EXPECT_EQ(sent[0].packet, packet(1));
  EXPECT_EQ(sent[1].packet, packet(2));
  EXPECT_EQ(sent[0].mac, mac(5));
  EXPECT_EQ(sent[0].port_index, lan);
  EXPECT_EQ(table.held_packets(), 0U);
}

TEST_F(NeighbourTableTest, AsksThreeTimesOneSecondApartThenFails) {
  const std::uint32_t index = table.find_or_create(lan, their_v4, now);
  ASSERT_EQ(table.hold(index, packet(1), now), nullptr);
  pass(0);
  EXPECT_EQ(asked.size(), 1U);
  pass(900 * millisecond_ns);
  EXPECT_EQ(asked.size(), 0U);
  pass(2000 * millisecond_ns);
  EXPECT_EQ(asked.size(), 2U);
  EXPECT_TRUE(dropped.empty());
  pass(200 * millisecond_ns);
  ASSERT_EQ(dropped.size(), 1U);
  EXPECT_EQ(dropped[0].packet, packet(1));
  EXPECT_EQ(dropped[0].neighbour, index);
  EXPECT_EQ(state(index), State::failed);
}

TEST_F(NeighbourTableTest, DropsAtOnceForASecondAfterAFailureThenAsksAgain) {
  const std::uint32_t index = entry_in(State::failed, their_v4);
  ASSERT_EQ(state(index), State::failed);
  now += 500 * millisecond_ns;
  EXPECT_EQ(table.hold(index, packet(7), now), packet(7));
  now += second_ns;
  EXPECT_EQ(table.hold(index, packet(8), now), nullptr);
  pass(0);
  EXPECT_EQ(asked.size(), 1U);
  arp_reply(5);
  pass(0);
  EXPECT_EQ(sent.size(), 1U);
}

TEST_F(NeighbourTableTest, ForgetsFailedAndLongUnusedNeighbours) {
  entry_in(State::failed, their_v4);
  pass(21 * second_ns);
  EXPECT_EQ(table.find(lan, their_v4), no_neighbour);
  const std::uint32_t index = entry_in(State::stale, their_v4);
  pass(590 * second_ns);
  EXPECT_EQ(state(index), State::stale);
  pass(20 * second_ns);
  EXPECT_EQ(table.size(), 0U);
}

TEST_F(NeighbourTableTest, KeepsThePinned) {
  const std::uint32_t index = table.find_or_create(lan, their_v4, now);
  table.pin(index);
  pass(1000 * second_ns);
  EXPECT_EQ(state(index), State::failed);
  for (unsigned i = 0; i < 500; ++i) {
    const auto high = static_cast<std::uint8_t>(i >> 8), low = static_cast<std::uint8_t>(i);
    EXPECT_NE(table.find_or_create(lan, IpAddress::v4(10, 1, high, low), now), no_neighbour);
  }
  EXPECT_EQ(table.find(lan, their_v4), index);
  table.unpin(index, now);
  pass(21 * second_ns);
  EXPECT_EQ(table.find(lan, their_v4), no_neighbour);
}

TEST_F(NeighbourTableTest, ProbesAUsedNeighbourBeforeItsEntryGrowsOldAndNeverStalls) {
  const std::uint32_t index = entry_in(State::reachable, their_v4);
  unsigned probes = 0;
  for (int tick = 0; tick < 3000; ++tick) {  // five minutes
    pass(100 * millisecond_ns);
    ASSERT_TRUE(use(index));
    for (const auto& question : asked) {
      ASSERT_TRUE(question.is_unicast);
      ASSERT_EQ(question.mac, mac(5));
      ++probes;
      arp_reply(5);
    }
  }
  EXPECT_GE(probes, 55U);  // every five seconds
  EXPECT_LE(probes, 60U);
}

TEST_F(NeighbourTableTest, FindsAHostThatMovedToAnotherMacWithoutAWordInSevenSeconds) {
  for (const IpAddress& address : {their_v4, their_v6}) {
    const std::uint32_t index = entry_in(State::reachable, address);
    const std::uint64_t moved_at = now;
    MacAddress known = mac(5);
    while (known == mac(5) && now < moved_at + 40 * second_ns) {
      pass(100 * millisecond_ns);
      for (const auto& question : asked) {
        if (question.is_unicast) continue;  // goes to where it no longer is
        if (address.is_v4()) {
          arp_reply(6);
        } else {
          advertise(6, {});
        }
      }
      ASSERT_TRUE(table.links().resolve(index, known)) << "usable all the time";
    }
    EXPECT_EQ(known, mac(6));
    EXPECT_LE(now - moved_at, 7 * second_ns);
  }
}

TEST_F(NeighbourTableTest, LetsAnUnusedNeighbourGrowStaleAndAsksItWhenItIsUsedAgain) {
  const std::uint32_t index = entry_in(State::stale, their_v4);
  ASSERT_EQ(state(index), State::stale);
  pass(60 * second_ns);
  EXPECT_TRUE(asked.empty());
  EXPECT_TRUE(use(index));
  pass(100 * millisecond_ns);
  EXPECT_EQ(state(index), State::delay);
  pass(5100 * millisecond_ns);
  EXPECT_EQ(state(index), State::probe);
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_TRUE(asked[0].is_unicast);
  EXPECT_TRUE(use(index));
  arp_reply(5);
  EXPECT_EQ(state(index), State::reachable);
}

TEST_F(NeighbourTableTest, AsksEverybodyWhenAProbeOfAUsedNeighbourFails) {
  const std::uint32_t index = entry_in(State::probe, their_v4);
  ASSERT_EQ(state(index), State::probe);
  unsigned unicast = 0, multicast = 0;
  for (int tick = 0; tick < 35; ++tick) {
    use(index);
    pass(100 * millisecond_ns);
    for (const auto& question : asked) ++(question.is_unicast ? unicast : multicast);
  }
  EXPECT_EQ(unicast, 0U);  // the one was asked on the way into the state
  EXPECT_GE(multicast, 3U);
  EXPECT_FALSE(use(index));
  arp_reply(6);  // the machine was replaced
  MacAddress known;
  EXPECT_TRUE(table.links().resolve(index, known));
  EXPECT_EQ(known, mac(6));
}

TEST_F(NeighbourTableTest, FailsAnUnusedNeighbourThatDoesNotAnswerAProbe) {
  const std::uint32_t index = entry_in(State::probe, their_v4);
  pass(4 * second_ns);
  EXPECT_EQ(state(index), State::failed);
}

TEST_F(NeighbourTableTest, BoundsThePacketsThatWait) {
  const std::uint32_t index = table.find_or_create(lan, their_v4, now);
  for (std::uintptr_t i = 1; i <= 4; ++i) EXPECT_EQ(table.hold(index, packet(i), now), nullptr);
  EXPECT_EQ(table.hold(index, packet(5), now), packet(1));  // the oldest goes
  EXPECT_EQ(table.info(index).held_packets, 4U);
  for (std::uintptr_t i = 0; i < 12; ++i) {
    const auto other = table.find_or_create(lan, IpAddress::v4(10, 0, 1, static_cast<std::uint8_t>(i)), now);
    EXPECT_EQ(table.hold(other, packet(100 + i), now), nullptr);
  }
  const auto one_more = table.find_or_create(lan, ip("10.0.2.1"), now);
  EXPECT_EQ(table.held_packets(), 16U);
  EXPECT_EQ(table.hold(one_more, packet(200), now), packet(200));  // every place is taken
  EXPECT_EQ(table.hold(index, packet(6), now), packet(2));         // but one may be exchanged
  EXPECT_EQ(table.hold(no_neighbour, packet(9), now), packet(9));
  EXPECT_EQ(table.hold(63, packet(9), now), packet(9));  // a free slot
}

TEST_F(NeighbourTableTest, LosesNoPacket) {
  std::mt19937 random(8);
  std::set<void*> inside;
  std::uintptr_t next = 1;
  const auto out = [&inside](void* leaving) { ASSERT_EQ(inside.erase(leaving), 1U); };
  for (int round = 0; round < 20000; ++round) {
    const IpAddress address = IpAddress::v4(10, 0, 0, static_cast<std::uint8_t>(2 + random() % 200));
    switch (random() % 4) {
      case 0:
      case 1: {
        const std::uint32_t index = table.find_or_create(lan, address, now);
        if (index == no_neighbour) break;
        void* const held = packet(next++);
        inside.insert(held);
        if (void* const displaced = table.hold(index, held, now); displaced != nullptr) out(displaced);
        break;
      }
      case 2:
        arp_reply(static_cast<unsigned>(random() % 3), address);
        break;
      default:
        pass(random() % (300 * millisecond_ns));
        for (const auto& item : sent) out(item.packet);
        for (const auto& item : dropped) out(item.packet);
    }
    ASSERT_EQ(table.held_packets(), inside.size());
    ASSERT_LE(table.held_packets(), 16U);
    ASSERT_LE(table.size(), 64U);
  }
  pass(10 * second_ns);
  for (const auto& item : sent) out(item.packet);
  for (const auto& item : dropped) out(item.packet);
  EXPECT_TRUE(inside.empty());
}

TEST_F(NeighbourTableTest, LearnsFromARequestForUsAndFromNothingElse) {
  arp_reply(5);
  arp_request(5, false);
  table.on_arp(lan, arp(ArpOperation::request, their_v4, 5, their_v4), false, now);    // gratuitous
  table.on_arp(lan, arp(ArpOperation::request, ip("0.0.0.0"), 5, our_v4), true, now);  // a probe
  advertise(5, {});
  solicit(5, their_v6, false);
  solicit(5, their_v6, true, false);
  solicit(5, ip("::"));
  EXPECT_EQ(table.size(), 0U);
  arp_request(5, true);
  solicit(5, their_v6);
  EXPECT_EQ(table.size(), 2U);
  EXPECT_EQ(state(table.find(lan, their_v4)), State::stale);
  EXPECT_EQ(state(table.find(lan, their_v6)), State::stale);
  EXPECT_TRUE(use(table.find(lan, their_v4)));
}

TEST_F(NeighbourTableTest, MakesNoEntryForWhatIsNoNeighbour) {
  for (const char* address : {"0.0.0.0", "224.0.0.1", "255.255.255.255", "127.0.0.1", "::", "::1", "ff02::1"})
    EXPECT_EQ(table.find_or_create(lan, ip(address), now), no_neighbour) << address;
  EXPECT_EQ(table.find_or_create(lan, {}, now), no_neighbour);
}

// Known address: mac(5). What ARP may change, by state.
TEST_F(NeighbourTableTest, FollowsArpByTheTable) {
  struct Row {
    State from;
    ArpOperation operation;
    bool for_us;
    unsigned sender_mac;
    State to;
    unsigned known_mac;  // 0: none
  };
  constexpr auto request = ArpOperation::request, reply = ArpOperation::reply;
  for (const Row& row :
       {Row{State::incomplete, reply, true, 6, State::reachable, 6},
        Row{State::incomplete, reply, false, 6, State::stale, 6},
        Row{State::incomplete, request, true, 6, State::stale, 6}, Row{State::failed, reply, true, 6, State::stale, 6},
        Row{State::reachable, reply, true, 5, State::reachable, 5},
        Row{State::reachable, reply, true, 6, State::stale, 6},
        Row{State::reachable, request, false, 6, State::stale, 6}, Row{State::stale, reply, true, 5, State::stale, 5},
        Row{State::stale, request, true, 5, State::stale, 5}, Row{State::delay, request, true, 5, State::delay, 5},
        Row{State::delay, request, true, 6, State::stale, 6}, Row{State::probe, reply, true, 5, State::reachable, 5},
        Row{State::probe, reply, true, 6, State::reachable, 6}, Row{State::probe, request, true, 5, State::probe, 5}}) {
    table = NeighbourTable({.max_neighbours = 64, .max_held_per_neighbour = 4, .max_held = 16}, {}, 42);
    const std::uint32_t index = entry_in(row.from, their_v4);
    ASSERT_EQ(state(index), row.from);
    table.on_arp(lan, arp(row.operation, their_v4, row.sender_mac, row.for_us ? our_v4 : their_v4), row.for_us, now);
    const auto what = std::string(to_string(row.from)) + " mac " + std::to_string(row.sender_mac);
    EXPECT_EQ(state(index), row.to) << what;
    EXPECT_EQ(table.info(index).mac, mac(row.known_mac)) << what;
  }
}

// RFC 4861 section 7.2.5. Known address: mac(5).
TEST_F(NeighbourTableTest, FollowsAdvertisementsByTheRulesOfTheRfc) {
  struct Row {
    State from;
    Flags flags;
    unsigned their_mac;
    State to;
    unsigned known_mac;  // 0: none
  };
  const Flags s_o{true, true, true}, s{true, false, true}, o{false, true, true}, plain{false, false, true};
  const Flags s_no_mac{true, true, false}, no_mac{false, false, false};
  for (const Row& row :
       {Row{State::incomplete, s_o, 6, State::reachable, 6}, Row{State::incomplete, s, 6, State::reachable, 6},
        Row{State::incomplete, o, 6, State::stale, 6}, Row{State::incomplete, s_no_mac, 0, State::incomplete, 0},
        Row{State::failed, s_o, 6, State::reachable, 6}, Row{State::reachable, s, 6, State::stale, 5},  // 7.2.5 I a
        Row{State::reachable, plain, 6, State::stale, 5}, Row{State::stale, s, 6, State::stale, 5},     // 7.2.5 I b
        Row{State::delay, plain, 6, State::delay, 5}, Row{State::probe, s, 6, State::probe, 5},
        Row{State::stale, s, 5, State::reachable, 5},  // 7.2.5 II
        Row{State::stale, s_no_mac, 0, State::reachable, 5}, Row{State::stale, s_o, 6, State::reachable, 6},
        Row{State::reachable, o, 6, State::stale, 6}, Row{State::reachable, o, 5, State::reachable, 5},
        Row{State::reachable, no_mac, 0, State::reachable, 5}, Row{State::probe, plain, 5, State::probe, 5},
        Row{State::probe, s_o, 5, State::reachable, 5}}) {
    table = NeighbourTable({.max_neighbours = 64, .max_held_per_neighbour = 4, .max_held = 16}, {}, 42);
    const std::uint32_t index = entry_in(row.from, their_v6);
    ASSERT_EQ(state(index), row.from);
    advertise(row.their_mac, row.flags);
    const auto what = std::string(to_string(row.from)) + " mac " + std::to_string(row.their_mac);
    EXPECT_EQ(state(index), row.to) << what;
    EXPECT_EQ(table.info(index).mac, row.known_mac == 0 ? MacAddress{} : mac(row.known_mac)) << what;
  }
}

TEST_F(NeighbourTableTest, LetsAScanPushOutOnlyItself) {
  const std::uint32_t used = entry_in(State::reachable, their_v4);
  const std::uint32_t idle = table.find_or_create(lan, ip("10.0.0.10"), now);
  arp_reply(7, ip("10.0.0.10"));
  for (unsigned i = 0; i < 10000; ++i) {
    IpAddress target = their_v6;
    target.bytes[6] = static_cast<std::uint8_t>(i >> 8);
    target.bytes[7] = static_cast<std::uint8_t>(i);
    const std::uint32_t index = table.find_or_create(lan, target, now);
    ASSERT_NE(index, no_neighbour);
    void* const displaced = table.hold(index, packet(i + 1), now);
    static_cast<void>(displaced);
    if (i % 16 == 0) pass(0);
  }
  EXPECT_TRUE(use(used));
  EXPECT_TRUE(use(idle));
  EXPECT_LE(table.size(), 64U);
  const std::uint32_t newcomer = table.find_or_create(lan, ip("10.0.0.11"), now);
  arp_reply(8, ip("10.0.0.11"));
  EXPECT_EQ(state(newcomer), State::reachable);
}

TEST_F(NeighbourTableTest, GivesTheSlotOfTheLongestIdleWhenFull) {
  for (unsigned i = 0; i < 64; ++i) arp_request(5, true, IpAddress::v4(10, 0, 1, static_cast<std::uint8_t>(i + 1)));
  EXPECT_EQ(table.size(), 64U);
  arp_request(5, true, ip("10.0.2.1"));
  EXPECT_EQ(table.find(lan, ip("10.0.1.1")), no_neighbour);
  EXPECT_NE(table.find(lan, ip("10.0.1.2")), no_neighbour);
  EXPECT_NE(table.find(lan, ip("10.0.2.1")), no_neighbour);
}

TEST_F(NeighbourTableTest, SendsNoPacketToTheNextOwnerOfASlot) {
  const std::uint32_t index = table.find_or_create(lan, their_v4, now);
  ASSERT_EQ(table.hold(index, packet(1), now), nullptr);
  arp_request(5, true);  // known now, stale; the packet is on its way out
  for (unsigned i = 0; i < 64; ++i) arp_request(6, true, IpAddress::v4(10, 0, 1, static_cast<std::uint8_t>(i + 1)));
  ASSERT_EQ(table.find(lan, their_v4), no_neighbour);
  pass(0);
  EXPECT_TRUE(sent.empty());
  ASSERT_EQ(dropped.size(), 1U);
  EXPECT_EQ(dropped[0].neighbour, no_neighbour);
}

TEST_F(NeighbourTableTest, ResolvesConnectedDestinationsForWorkers) {
  const std::uint32_t v4_index = entry_in(State::reachable, their_v4);
  solicit(6, their_v6);
  std::uint32_t index = 0;
  MacAddress known;
  EXPECT_TRUE(table.links().resolve(lan, IpFamily::v4, their_v4.bytes.data(), index, known));
  EXPECT_EQ(index, v4_index);
  EXPECT_EQ(known, mac(5));
  EXPECT_TRUE(table.links().resolve(lan, IpFamily::v6, their_v6.bytes.data(), index, known));
  EXPECT_EQ(known, mac(6));
  EXPECT_FALSE(table.links().resolve(lan + 1, IpFamily::v4, their_v4.bytes.data(), index, known));
  EXPECT_EQ(index, no_neighbour);
  const std::uint32_t asked_for = table.find_or_create(lan, ip("10.0.0.10"), now);
  EXPECT_FALSE(table.links().resolve(lan, IpFamily::v4, ip("10.0.0.10").bytes.data(), index, known));
  EXPECT_EQ(index, asked_for);
  EXPECT_FALSE(table.links().resolve(no_neighbour, known));
}

}  // namespace
}  // namespace sallyport::dataplane::neighbour_table_test
