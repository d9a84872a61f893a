#include "dataplane/housekeeping/neighbour_service.hpp"

#include <array>

#include "dataplane/packet/icmp.hpp"
#include "tests/unit/housekeeping/lab.hpp"

namespace sallyport::dataplane::neighbour_service_test {
namespace {

class NeighbourServiceTest : public Lab {
 protected:
  void SetUp() override {
    Lab::SetUp();
    icmp_errors = std::make_unique<IcmpErrors>(*gateway->context);
    service = std::make_unique<NeighbourService>(*gateway->context, *icmp_errors, shown);
  }
  void TearDown() override {
    service->drop_all_held();
    service.reset();
    icmp_errors.reset();
    Lab::TearDown();
  }
  // From peer 7 to a station on the lan, as the route stage hands it over.
  void glean(const char* destination) {
    Packet* packet =
        inner(udp(address("10.8.0.2"), address(destination), 1, 2, Bytes(40)), Task::glean, peer_in_tunnel);
    meta_of(packet).tx_port = lan;
    service->handle(packet);
  }
  void answer(std::uint8_t port, const char* who, const MacAddress& mac = other_mac) {
    ArpMessage message{.operation = ArpOperation::reply,
                       .sender_mac = mac,
                       .sender = address(who),
                       .target_mac = lan_mac,
                       .target = address("10.0.0.1")};
    service->on_arp(port, message, true);
  }
  void pass(unsigned seconds) {
    for (unsigned i = 0; i < seconds * 10; ++i) {
      advance(second_ns / 10);
      service->poll();
    }
  }
  std::optional<RouteEntry> host_route(const char* text) { return gateway->routes->get(IpPrefix::host(address(text))); }

  std::array<abi::NeighbourStatus, 8> shown{};
  std::unique_ptr<IcmpErrors> icmp_errors;
  std::unique_ptr<NeighbourService> service;
};

TEST_F(NeighbourServiceTest, AsksThenSendsWhatWaitedAndInstallsAHostRoute) {
  glean("10.0.0.9");
  service->poll();
  const Sent question = only_sent();
  EXPECT_EQ(question.task, Task::transmit);
  EXPECT_EQ(question.tx_port, lan);
  EXPECT_TRUE(question.link().destination.is_broadcast());
  ArpMessage arp;
  ASSERT_EQ(parse_arp(question.payload(), arp), ArpError::none);
  EXPECT_EQ(arp.sender, address("10.0.0.1"));
  EXPECT_EQ(arp.target, address("10.0.0.9"));
  EXPECT_EQ(counter(Counter::solicitations_sent), 1U);
  EXPECT_EQ(service->held_packets(), 1U);
  EXPECT_FALSE(host_route("10.0.0.9"));

  answer(lan, "10.0.0.9");
  service->poll();
  const Sent packet = only_sent();
  EXPECT_EQ(packet.task, Task::route) << "it is judged anew";
  const auto route = host_route("10.0.0.9");
  ASSERT_TRUE(route);
  EXPECT_EQ(route->kind, NextHopKind::port);
  EXPECT_EQ(route->port_index, lan);
  EXPECT_EQ(route->neighbour_index, gateway->neighbours->find(lan, address("10.0.0.9")));
  EXPECT_TRUE(gateway->neighbours->info(route->neighbour_index).is_pinned);
}

TEST_F(NeighbourServiceTest, AsksForAnIpv6NeighbourByItsGroup) {
  glean("10.0.0.9");
  Packet* packet = inner(udp(address("fd08::2"), address("fd00::9"), 1, 2, Bytes(40)), Task::glean, peer_in_tunnel);
  meta_of(packet).tx_port = lan;
  service->handle(packet);
  service->poll();
  const auto questions = sent();
  ASSERT_EQ(questions.size(), 2U);
  const Sent& question = questions[questions[0].link().type.host() == 0x86dd ? 0 : 1];
  EXPECT_EQ(question.link().destination, (MacAddress{{0x33, 0x33, 0xff, 0, 0, 9}}));
}

TEST_F(NeighbourServiceTest, SendsAtOnceWhatFindsItsNeighbourKnown) {
  glean("10.0.0.9");
  service->poll();
  answer(lan, "10.0.0.9");
  service->poll();
  static_cast<void>(sent());
  service->forget_gleaned_covered_by(prefix("10.0.0.9/32"));
  EXPECT_FALSE(host_route("10.0.0.9"));
  glean("10.0.0.9");
  EXPECT_EQ(only_sent().link().destination, other_mac);
  EXPECT_TRUE(host_route("10.0.0.9"));
}

TEST_F(NeighbourServiceTest, TellsTheSenderThatNobodyAnswers) {
  glean("10.0.0.9");
  pass(4);
  unsigned errors = 0, questions = 0;
  for (const Sent& one : sent()) {
    if (one.task == Task::route) {
      ++errors;
      EXPECT_EQ(one.bytes[20], static_cast<std::uint8_t>(IcmpType::destination_unreachable));
      EXPECT_EQ(one.bytes[21], static_cast<std::uint8_t>(IcmpUnreachableCode::host));
      EXPECT_EQ(destination_address(one.bytes, one.meta.ip), address("10.8.0.2"));
    } else {
      ++questions;
    }
  }
  EXPECT_EQ(errors, 1U);
  EXPECT_EQ(questions, 3U);
  EXPECT_EQ(dropped(DropReason::neighbour_unresolved), 1U);
  EXPECT_EQ(service->held_packets(), 0U);
}

TEST_F(NeighbourServiceTest, TellsNobodyAboutTheOuterPacketOfATunnel) {
  const std::uint32_t index = service->acquire(wan, address("192.0.2.254"));
  Packet* packet = inner(udp(address("192.0.2.1"), address("203.0.113.9"), listen_port, 4000, Bytes(40)), Task::resolve,
                         abi::no_peer, lan);
  meta_of(packet).tx_port = wan;
  meta_of(packet).neighbour_index = index;
  meta_of(packet).destination_peer = peer_in_tunnel;
  service->handle(packet);
  pass(4);
  for (const Sent& one : sent()) EXPECT_EQ(one.task, Task::transmit);
  EXPECT_EQ(dropped(DropReason::neighbour_unresolved), 1U);
  EXPECT_EQ(counter(Counter::icmp_errors_sent), 0U);
  service->release(index);
}

TEST_F(NeighbourServiceTest, HoldsFewPacketsForOneNeighbour) {
  for (unsigned i = 0; i < 10; ++i) glean("10.0.0.9");
  EXPECT_EQ(service->held_packets(), 4U);
  EXPECT_EQ(dropped(DropReason::neighbour_queue_full), 6U);
}

TEST_F(NeighbourServiceTest, DropsAPacketWhoseIndexWentToAnother) {
  Packet* packet = inner(udp(address("10.0.0.1"), address("10.0.0.9"), 1, 2, Bytes(40)), Task::resolve, peer_in_tunnel);
  meta_of(packet).tx_port = lan;
  meta_of(packet).neighbour_index = service->acquire(wan, address("192.0.2.254"));
  service->handle(packet);
  EXPECT_EQ(dropped(DropReason::neighbour_unresolved), 1U);
  for (const std::uint32_t nonsense : {no_neighbour, 64U, 1U}) {
    Packet* other =
        inner(udp(address("10.8.0.2"), address("10.0.0.9"), 1, 2, Bytes(40)), Task::resolve, peer_in_tunnel);
    meta_of(other).tx_port = lan;
    meta_of(other).neighbour_index = nonsense;
    service->handle(other);
  }
  EXPECT_EQ(dropped(DropReason::neighbour_unresolved), 4U);
}

TEST_F(NeighbourServiceTest, ASubnetsBroadcastIsDropped) {
  glean("10.0.0.255");
  EXPECT_EQ(dropped(DropReason::multicast), 1U);
  EXPECT_EQ(gateway->neighbours->size(), 0U);
}

TEST_F(NeighbourServiceTest, APeersRouteIsNeverReplacedOrRemoved) {
  glean("10.0.0.9");
  service->poll();
  const RouteEntry of_peer{.kind = NextHopKind::peer, .peer_id = peer_in_tunnel};
  service->forget_gleaned_covered_by(prefix("10.0.0.9/32"));
  ASSERT_EQ(gateway->routes->set(prefix("10.0.0.9/32"), of_peer), RouteError::none);
  answer(lan, "10.0.0.9");
  service->poll();
  EXPECT_EQ(host_route("10.0.0.9"), of_peer);
  glean("10.0.0.9");
  EXPECT_EQ(dropped(DropReason::peer_removed), 1U) << "it is the peer's address now";
  EXPECT_EQ(host_route("10.0.0.9"), of_peer);

  glean("10.0.0.10");
  service->poll();
  answer(lan, "10.0.0.10");
  service->poll();
  ASSERT_EQ(gateway->routes->set(prefix("10.0.0.10/32"), of_peer), RouteError::none) << "without having been told";
  service->forget_gleaned_covered_by(prefix("10.0.0.0/24"));
  EXPECT_EQ(host_route("10.0.0.10"), of_peer);
  EXPECT_EQ(service->gleaned_routes(), 0U);
}

TEST_F(NeighbourServiceTest, ForgetsTheRoutesInsideAPrefixOnly) {
  for (const char* who : {"10.0.0.9", "10.0.0.200"}) {
    glean(who);
    service->poll();
    answer(lan, who);
    service->poll();
  }
  service->forget_gleaned_covered_by(prefix("10.0.0.128/25"));
  EXPECT_TRUE(host_route("10.0.0.9"));
  EXPECT_FALSE(host_route("10.0.0.200"));
}

TEST_F(NeighbourServiceTest, AnIdleNeighbourLosesItsRouteAndItsPlace) {
  glean("10.0.0.9");
  service->poll();
  advance(millisecond_ns);
  answer(lan, "10.0.0.9");
  pass(40);
  EXPECT_TRUE(host_route("10.0.0.9"));
  pass(650);
  EXPECT_FALSE(host_route("10.0.0.9"));
  pass(650);
  EXPECT_EQ(gateway->neighbours->size(), 0U);
}

TEST_F(NeighbourServiceTest, ANeighbourThatVanishesLosesItsRoute) {
  glean("10.0.0.9");
  service->poll();
  answer(lan, "10.0.0.9");
  service->poll();
  const std::uint32_t index = gateway->neighbours->find(lan, address("10.0.0.9"));
  // Workers go on using it, and it answers no probe.
  for (unsigned i = 0; i < 60; ++i) {
    MacAddress mac;
    static_cast<void>(gateway->neighbours->links().resolve(index, mac));
    pass(1);
  }
  EXPECT_FALSE(host_route("10.0.0.9"));
  EXPECT_EQ(service->gleaned_routes(), 0U);
}

TEST_F(NeighbourServiceTest, AnAcquiredIndexStaysThroughAScanOfTheLink) {
  const std::uint32_t index = service->acquire(wan, address("192.0.2.254"));
  EXPECT_EQ(service->acquire(wan, address("192.0.2.254")), index);
  service->release(index);
  for (unsigned i = 2; i < 200; ++i) glean(IpAddress::v4(10, 0, 0, static_cast<std::uint8_t>(i)).to_string().c_str());
  service->poll();
  EXPECT_EQ(gateway->neighbours->info(index).address, address("192.0.2.254"));
  EXPECT_LE(gateway->neighbours->size(), 64U);
  service->release(index);
  service->poll();
  EXPECT_FALSE(gateway->neighbours->info(index).is_pinned);
}

TEST_F(NeighbourServiceTest, AcquiringAgainDuringTheGracePeriodKeepsThePin) {
  const std::uint32_t index = service->acquire(wan, address("192.0.2.254"));
  service->release(index);
  EXPECT_EQ(service->acquire(wan, address("192.0.2.254")), index);
  service->poll();
  EXPECT_TRUE(gateway->neighbours->info(index).is_pinned);
  service->release(index);
  service->poll();
  EXPECT_FALSE(gateway->neighbours->info(index).is_pinned);
}

TEST_F(NeighbourServiceTest, GleansAtMostHalfOfTheTable) {
  for (unsigned i = 2; i < 60; ++i) {
    const std::string who = IpAddress::v4(10, 0, 0, static_cast<std::uint8_t>(i)).to_string();
    glean(who.c_str());
    service->poll();
    answer(lan, who.c_str());
    service->poll();
  }
  EXPECT_EQ(service->gleaned_routes(), 32U);
}

TEST_F(NeighbourServiceTest, ShowsItsNeighbours) {
  glean("10.0.0.9");
  answer(lan, "10.0.0.9");
  pass(2);
  abi::NeighbourStatusValue value;
  ASSERT_TRUE(shown[0].read(value));
  EXPECT_EQ(value.address, address("10.0.0.9"));
  EXPECT_EQ(value.mac, other_mac.bytes);
  EXPECT_EQ(value.state, abi::NeighbourState::reachable);
  EXPECT_EQ(value.port_index, lan);
  EXPECT_NE(value.confirmed_at_ns, 0U);
  for (unsigned i = 20; i < 40; ++i) glean(IpAddress::v4(10, 0, 0, static_cast<std::uint8_t>(i)).to_string().c_str());
  pass(2);
  ASSERT_TRUE(shown.back().read(value));
  EXPECT_TRUE(value.address.is_set());
  pass(40);
  ASSERT_TRUE(shown.back().read(value));
  EXPECT_EQ(value.state, abi::NeighbourState::none) << "those that never answered are gone";
}

TEST_F(NeighbourServiceTest, AnnouncesTheAddressesOfAPort) {
  service->announce(wan);
  EXPECT_EQ(sent().size(), 3U);
}

TEST_F(NeighbourServiceTest, SurvivesAFullRingToTheWorker) {
  for (unsigned i = 0; i < 5000; ++i) service->announce(lan);
  EXPECT_GT(dropped(DropReason::handover_full) + dropped(DropReason::no_buffer), 0U);
}

}  // namespace
}  // namespace sallyport::dataplane::neighbour_service_test
