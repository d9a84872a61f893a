#include "dataplane/housekeeping/wireguard_gate.hpp"

#include "dataplane/crypto/handshake_macs.hpp"
#include "dataplane/packet/ecn.hpp"
#include "tests/unit/housekeeping/lab.hpp"

namespace sallyport::dataplane::wireguard_gate_test {
namespace {

class WireguardGateTest : public Lab {
 protected:
  void SetUp() override {
    Lab::SetUp();
    connect();
    gate = std::make_unique<WireguardGate>(*gateway->context, gateway->header);
  }
  void TearDown() override {
    gate.reset();
    Lab::TearDown();
  }
  static Bytes message(std::uint8_t type, std::size_t bytes) {
    Bytes made(bytes, 0x33);
    made[0] = type;
    std::fill_n(made.begin() + 1, 3, std::uint8_t{0});
    return made;
  }
  static Bytes initiation() { return message(1, handshake_initiation_bytes); }

  void receive(const Bytes& payload, bool mac2_valid = false, const char* from = "203.0.113.9",
               const char* to = "192.0.2.1", std::uint16_t port = listen_port) {
    const Bytes datagram = udp(address(from), address(to), 40000, port, payload);
    const bool is_v4 = address(from).is_v4();
    Packet* packet = received(wan, ethernet(wan_mac, other_mac, is_v4 ? EtherType::ipv4 : EtherType::ipv6, datagram),
                              Task::handshake);
    PacketMeta& meta = meta_of(packet);
    meta.outer_offset = static_cast<std::uint16_t>(packet->data_off + ethernet_header_bytes);
    meta.outer_payload_offset = static_cast<std::uint16_t>(meta.outer_offset + (is_v4 ? 28 : 48));
    meta.outer_is_v6 = is_v4 ? 0 : 1;
    meta.mac2_valid = mac2_valid ? 1 : 0;
    rte_pktmbuf_adj(packet, static_cast<std::uint16_t>(meta.outer_payload_offset - packet->data_off));
    gate->handle(packet);
  }
  // More in a moment than the control plane can serve; what the rings took is taken out.
  void flood() {
    for (unsigned i = 0; i < WireguardGate::burst_unproven + 50; ++i) receive(initiation());
    ASSERT_TRUE(gate->under_load());
    static_cast<void>(sent());
    while (control_plane->unproven.pop(slot) == abi::RingResult::ok) {}
  }

  std::unique_ptr<WireguardGate> gate;
  abi::PacketUp slot{};
};

TEST_F(WireguardGateTest, PassesAnInitiationWithAllThatTheControlPlaneNeeds) {
  receive(initiation());
  ASSERT_EQ(control_plane->unproven.pop(slot), abi::RingResult::ok);
  EXPECT_EQ(slot.version, abi::version);
  EXPECT_EQ(slot.length_bytes, handshake_initiation_bytes);
  EXPECT_EQ(slot.tunnel_id, tunnel_id);
  EXPECT_EQ(slot.port_index, wan);
  EXPECT_EQ(slot.mac2_valid, 0);
  EXPECT_EQ(slot.received_at_ns, gateway->context->now_ns);
  EXPECT_EQ(slot.remote, *IpEndpoint::parse("203.0.113.9:40000"));
  EXPECT_EQ(slot.local, *IpEndpoint::parse("192.0.2.1:51820"));
  EXPECT_EQ(Bytes(slot.data.begin(), slot.data.begin() + slot.length_bytes), initiation());
  EXPECT_EQ(counter(Counter::punted), 1U);
}

TEST_F(WireguardGateTest, AProvenOneHasARingOfItsOwn) {
  receive(initiation(), true, "2001:db8:1::9", "2001:db8::1");
  ASSERT_EQ(control_plane->proven.pop(slot), abi::RingResult::ok);
  EXPECT_EQ(slot.mac2_valid, 1);
  EXPECT_EQ(slot.remote, *IpEndpoint::parse("[2001:db8:1::9]:40000"));
  EXPECT_EQ(control_plane->unproven.pop(slot), abi::RingResult::empty);
}

TEST_F(WireguardGateTest, AnswersAFloodWithCookies) {
  flood();
  EXPECT_EQ(gateway->header.under_load.load(), 1U);
  for (const auto& [from, to] : {std::pair{"203.0.113.9", "192.0.2.1"}, std::pair{"2001:db8:1::9", "2001:db8::1"}}) {
    receive(initiation(), false, from, to);
    const Sent reply = only_sent();
    EXPECT_EQ(reply.task, Task::transmit);
    EXPECT_EQ(reply.tx_port, wan);
    EXPECT_EQ(reply.link().destination, other_mac);
    EXPECT_EQ(reply.link().source, wan_mac);
    const Bytes packet = reply.payload();
    ParsedIp ip;
    ASSERT_EQ(parse_ip(packet, ip), IpParseError::none);
    EXPECT_EQ(ip.total_bytes, packet.size());
    EXPECT_EQ(ip.tos, outer_tos_for_handshake);
    EXPECT_EQ(source_address(packet, ip), address(to));
    EXPECT_EQ(destination_address(packet, ip), address(from));
    EXPECT_TRUE(l4_checksum_holds(packet, ip));
    UdpHeader udp_header;
    std::span<const std::uint8_t> payload;
    ASSERT_TRUE(udp_payload(std::span(packet).subspan(ip.l4_offset), udp_header, payload));
    EXPECT_EQ(udp_header.source_port.host(), listen_port);
    EXPECT_EQ(udp_header.destination_port.host(), 40000);
    ASSERT_EQ(payload.size(), cookie_reply_bytes);
    EXPECT_EQ(payload[0], 3);
    EXPECT_EQ(payload[4], 0x33) << "the sender's index comes back";
  }
  EXPECT_EQ(dropped(DropReason::answered_with_cookie), counter(Counter::cookie_replies_sent));
  EXPECT_EQ(control_plane->unproven.pop(slot), abi::RingResult::empty);
}

TEST_F(WireguardGateTest, NeverUsesANonceTwice) {
  flood();
  std::set<Bytes> nonces;
  for (unsigned i = 0; i < 500; ++i) {
    receive(initiation());
    const Bytes frame = only_sent().bytes;
    nonces.emplace(frame.begin() + 42 + 8, frame.begin() + 42 + 32);
  }
  EXPECT_EQ(nonces.size(), 500U);
}

TEST_F(WireguardGateTest, AResponseWithoutMac2IsAnsweredAsWell) {
  flood();
  receive(message(2, handshake_response_bytes));
  EXPECT_EQ(only_sent().payload().size(), 28 + cookie_reply_bytes);
}

TEST_F(WireguardGateTest, WhoHasACookieIsThroughDuringAFlood) {
  flood();
  receive(initiation(), true);
  EXPECT_EQ(control_plane->proven.pop(slot), abi::RingResult::ok);
}

TEST_F(WireguardGateTest, BoundsTheRateOfOneProvenSource) {
  flood();
  for (unsigned i = 0; i < WireguardGate::burst_per_source + 30; ++i) {
    receive(initiation(), true);
    static_cast<void>(control_plane->proven.pop(slot));
  }
  EXPECT_EQ(dropped(DropReason::handshake_rate), 30U);
  advance(second_ns);
  receive(initiation(), true);
  EXPECT_EQ(dropped(DropReason::handshake_rate), 30U);
}

TEST_F(WireguardGateTest, IsCalmOnlyASecondAfterTheFlood) {
  flood();
  advance(second_ns - 1);
  gate->poll();
  EXPECT_EQ(gateway->header.under_load.load(), 1U);
  advance(1);
  gate->poll();
  EXPECT_EQ(gateway->header.under_load.load(), 0U);
  receive(initiation());
  EXPECT_EQ(control_plane->unproven.pop(slot), abi::RingResult::ok);
}

TEST_F(WireguardGateTest, ABacklogIsALoadAsWell) {
  for (unsigned i = 0; i <= WireguardGate::overload_backlog + 1; ++i) {
    advance(second_ns / 1000);
    receive(initiation());
  }
  EXPECT_TRUE(gate->under_load());
  static_cast<void>(sent());
  advance(10 * second_ns);
  EXPECT_FALSE(gate->under_load());
}

TEST_F(WireguardGateTest, ABacklogThatStaysKeepsTheLoad) {
  for (unsigned i = 0; i <= WireguardGate::overload_backlog + 1; ++i) {
    advance(second_ns / 1000);
    receive(initiation());
  }
  for (unsigned i = 0; i < 30; ++i) {
    advance(second_ns / 10);
    gate->poll();
    EXPECT_TRUE(gate->under_load());
  }
}

TEST_F(WireguardGateTest, AQuietNightOfHonestPeersIsNoLoad) {
  for (unsigned i = 0; i < 5000; ++i) {
    advance(second_ns / 1000);
    receive(initiation());
    static_cast<void>(control_plane->unproven.pop(slot));
    ASSERT_FALSE(gate->under_load());
  }
}

TEST_F(WireguardGateTest, CookieRepliesForUsPassAtABoundedRate) {
  for (unsigned i = 0; i < WireguardGate::burst_received_cookies + 10; ++i) receive(message(3, cookie_reply_bytes));
  EXPECT_EQ(dropped(DropReason::handshake_rate), 10U);
  ASSERT_EQ(control_plane->unproven.pop(slot), abi::RingResult::ok);
  EXPECT_EQ(slot.data[0], 3);
  EXPECT_EQ(slot.length_bytes, cookie_reply_bytes);
}

TEST_F(WireguardGateTest, BoundsTheRateOfCookieReplies) {
  flood();
  for (unsigned i = 0; i < 2 * WireguardGate::burst_cookie_replies; ++i) {
    receive(initiation());
    static_cast<void>(sent());
  }
  EXPECT_GT(dropped(DropReason::handshake_rate), WireguardGate::burst_cookie_replies / 2);
}

TEST_F(WireguardGateTest, AFullRingDropsAndNobodyWaits) {
  for (unsigned i = 0; i < abi::packet_ring_slots + 5; ++i)
    receive(
        initiation(), true,
        IpAddress::v4(203, 0, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i | 1)).to_string().c_str());
  EXPECT_EQ(dropped(DropReason::handshake_queue_full), 5U);
}

TEST_F(WireguardGateTest, WithoutAControlPlaneThereIsNobodyToAsk) {
  disconnect();
  receive(initiation());
  receive(initiation(), true);
  EXPECT_EQ(dropped(DropReason::control_plane_absent), 2U);
  EXPECT_TRUE(sent().empty());
}

TEST_F(WireguardGateTest, DropsWhatHasNoTunnelAnyMore) {
  receive(initiation(), false, "203.0.113.9", "192.0.2.1", 1234);
  EXPECT_EQ(dropped(DropReason::no_listener), 1U);
}

TEST_F(WireguardGateTest, DropsWhatIsNoHandshake) {
  receive(message(4, 200));
  receive(message(1, 147));
  receive(Bytes(10));
  EXPECT_EQ(dropped(DropReason::unknown_message), 3U);
}

}  // namespace
}  // namespace sallyport::dataplane::wireguard_gate_test
