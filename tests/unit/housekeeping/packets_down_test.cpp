#include "dataplane/housekeeping/packets_down.hpp"

#include "tests/unit/housekeeping/lab.hpp"

namespace sallyport::dataplane::packets_down_test {
namespace {

class PacketsDownTest : public Lab {
 protected:
  void SetUp() override {
    Lab::SetUp();
    connect();
    icmp_errors = std::make_unique<IcmpErrors>(*gateway->context);
    service = std::make_unique<NeighbourService>(*gateway->context, *icmp_errors, std::span<abi::NeighbourStatus>{});
    packets = std::make_unique<PacketsDown>(*gateway->context, *service, underlay_routes);
    for (const char* router : {"192.0.2.254", "2001:db8::fe"}) {
      const std::uint32_t index = service->acquire(wan, address(router));
      gateway->neighbours->links().set_mac(index, other_mac);
    }
  }
  void TearDown() override {
    service->drop_all_held();
    packets.reset();
    service.reset();
    icmp_errors.reset();
    Lab::TearDown();
  }
  static abi::PacketDown slot(std::uint64_t after = 0, const char* remote = "203.0.113.9:40000") {
    abi::PacketDown made{};
    made.version = abi::version;
    made.length_bytes = 92;
    made.tunnel_id = tunnel_id;
    made.tos = 0x88;
    made.after_sequence = after;
    made.remote = *IpEndpoint::parse(remote);
    std::fill_n(made.data.begin(), 92, std::uint8_t{0x77});
    return made;
  }
  void push(const abi::PacketDown& made) { ASSERT_EQ(control_plane->down.push(made), abi::RingResult::ok); }

  UnderlayRoutes underlay_routes;
  std::unique_ptr<IcmpErrors> icmp_errors;
  std::unique_ptr<NeighbourService> service;
  std::unique_ptr<PacketsDown> packets;
};

TEST_F(PacketsDownTest, SendsADatagramFromTheTunnelsPort) {
  for (const auto& [remote, local] :
       {std::pair{"203.0.113.9:40000", "192.0.2.1"}, std::pair{"[2001:db8:1::9]:40000", "2001:db8::1"}}) {
    push(slot(0, remote));
    packets->poll(0);
    const Sent frame = only_sent();
    EXPECT_EQ(frame.task, Task::transmit);
    EXPECT_EQ(frame.tx_port, wan);
    EXPECT_EQ(frame.link().destination, other_mac) << "by way of the gateway";
    const Bytes packet = frame.payload();
    ParsedIp ip;
    ASSERT_EQ(parse_ip(packet, ip), IpParseError::none);
    EXPECT_EQ(ip.tos, 0x88);
    EXPECT_EQ(source_address(packet, ip), address(local));
    EXPECT_TRUE(l4_checksum_holds(packet, ip));
    UdpHeader udp_header;
    std::span<const std::uint8_t> payload;
    ASSERT_TRUE(udp_payload(std::span(packet).subspan(ip.l4_offset), udp_header, payload));
    EXPECT_EQ(udp_header.source_port.host(), listen_port);
    EXPECT_EQ(udp_header.destination_port.host(), 40000);
    EXPECT_NE(udp_header.checksum.raw(), 0);
    EXPECT_EQ(Bytes(payload.begin(), payload.end()), Bytes(92, 0x77));
  }
}

TEST_F(PacketsDownTest, WaitsForANeighbour) {
  push(slot(0, "192.0.2.77:1000"));
  packets->poll(0);
  EXPECT_EQ(service->held_packets(), 1U);
  service->poll();
  static_cast<void>(sent());
  service->on_arp(wan,
                  {.operation = ArpOperation::reply,
                   .sender_mac = wan_mac,
                   .sender = address("192.0.2.77"),
                   .target_mac = wan_mac,
                   .target = address("192.0.2.1")},
                  true);
  service->poll();
  EXPECT_EQ(only_sent().bytes.size(), 14U + 28 + 92);
  EXPECT_FALSE(gateway->routes->get(prefix("192.0.2.77/32"))) << "an underlay neighbour makes no inner route";
}

TEST_F(PacketsDownTest, NeverOvertakesItsCommand) {
  push(slot(5));
  push(slot(6));
  packets->poll(4);
  EXPECT_TRUE(sent().empty());
  EXPECT_EQ(packets->held(), 2U);
  packets->poll(5);
  EXPECT_EQ(sent().size(), 1U);
  packets->poll(6);
  EXPECT_EQ(sent().size(), 1U);
  EXPECT_EQ(packets->held(), 0U);
}

TEST_F(PacketsDownTest, IsNotSentWhenItsCommandWasRefused) {
  push(slot(5));
  packets->poll(4);
  packets->on_refused(5);
  packets->poll(5);
  push(slot(5));
  packets->poll(5);
  EXPECT_TRUE(sent().empty()) << "neither the one that waited nor the one that came later";
  EXPECT_EQ(dropped(DropReason::bad_command), 2U);
  push(slot(6));
  packets->poll(6);
  EXPECT_EQ(sent().size(), 1U);
}

TEST_F(PacketsDownTest, GivesUpOnACommandThatNeverComes) {
  push(slot(1'000'000));
  packets->poll(4);
  advance(PacketsDown::patience_ns);
  packets->poll(4);
  EXPECT_EQ(packets->held(), 0U);
  EXPECT_EQ(dropped(DropReason::bad_command), 1U);
}

TEST_F(PacketsDownTest, LeavesInTheRingWhatItHasNoRoomFor) {
  for (unsigned i = 0; i < PacketsDown::most_held + 50; ++i) push(slot(5));
  for (unsigned i = 0; i < 10; ++i) packets->poll(4);
  EXPECT_EQ(packets->held(), PacketsDown::most_held);
  EXPECT_EQ(dropped(DropReason::bad_command), 0U);
  for (unsigned i = 0; i < 10; ++i) packets->poll(5);
  EXPECT_EQ(sent().size(), PacketsDown::most_held + 50);
}

TEST_F(PacketsDownTest, ForgetsWhatAFormerControlPlaneAskedFor) {
  push(slot(5));
  packets->poll(4);
  disconnect();
  connect();
  packets->poll(100);
  EXPECT_TRUE(sent().empty());
  EXPECT_EQ(dropped(DropReason::bad_command), 1U);
}

TEST_F(PacketsDownTest, RefusesSlotsThatAreNotValid) {
  auto broken = [&](auto&& change) {
    abi::PacketDown made = slot();
    change(made);
    push(made);
  };
  broken([](auto& s) { s.version = 99; });
  broken([](auto& s) { s.length_bytes = 0; });
  broken([](auto& s) { s.length_bytes = 60000; });
  broken([](auto& s) { s.tunnel_id = 64; });
  broken([](auto& s) { s.tunnel_id = 5; });
  broken([](auto& s) { s.remote.address.family = static_cast<IpFamily>(9); });
  broken([](auto& s) { s.remote.port = 0; });
  broken([](auto& s) { s.local = *IpEndpoint::parse("[::1]:5"); });
  packets->poll(0);
  EXPECT_EQ(dropped(DropReason::bad_command), 8U);
  EXPECT_TRUE(sent().empty());
}

TEST_F(PacketsDownTest, CountsWhatHasNoWay) {
  push(slot(0, "10.0.0.9:40000"));
  push(slot(0, "192.0.2.1:40000"));
  packets->poll(0);
  EXPECT_EQ(dropped(DropReason::no_underlay_route), 2U);
}

TEST_F(PacketsDownTest, CountsWhatDoesNotFitThePort) {
  abi::PacketDown large = slot();
  large.length_bytes = abi::packet_slot_data_bytes;
  push(large);
  packets->poll(0);
  EXPECT_EQ(dropped(DropReason::too_big), 1U);
}

}  // namespace
}  // namespace sallyport::dataplane::packets_down_test
