// The two ways through the gateway, for every combination of families outside and inside.
#include "tests/integration/fixture.hpp"

namespace sallyport::integration {
namespace {

class Tunnel : public IntegrationTest {
 protected:
  [[nodiscard]] static const IpAddress& inner_address(const WireguardPeer& peer, IpFamily family) {
    return family == IpFamily::v4 ? peer.v4 : peer.v6;
  }
  [[nodiscard]] static const IpAddress& host(IpFamily family) { return family == IpFamily::v4 ? host_v4 : host_v6; }
};

// What a router may change: the hop count (and with it the IPv4 checksum).
Bytes after_one_hop(Bytes packet) {
  --packet[is_v4(packet) ? 8 : 7];
  if (is_v4(packet)) dataplane::test::fix_v4_checksum(packet);
  return packet;
}

TEST_F(Tunnel, OpensADataMessageAndSendsItThroughTheInsidePort) {
  for (WireguardPeer* peer : {&lab->ann, &lab->bob}) {  // over IPv4, over IPv6
    for (const IpFamily family : {IpFamily::v4, IpFamily::v6}) {
      const Bytes inner = udp_packet(inner_address(*peer, family), host(family), 100);
      ASSERT_TRUE(lab->put_inner(*peer, inner));
      const Bytes frame = lab->only_frame(lan);
      ASSERT_FALSE(frame.empty()) << lab->drops();
      EXPECT_EQ(destination_of(frame), far_mac(lan));
      EXPECT_EQ(source_of(frame), port_mac(lan));
      EXPECT_EQ(type_of(frame), family == IpFamily::v4 ? type_ipv4 : type_ipv6);
      EXPECT_EQ(payload_of(frame), after_one_hop(inner));
    }
  }
  EXPECT_EQ(lab->all_dropped(), 0U) << lab->drops();
}

TEST_F(Tunnel, SealsAnInsidePacketForItsPeer) {
  for (WireguardPeer* peer : {&lab->ann, &lab->bob}) {
    std::uint64_t expected_counter = 1;  // 0 was the keepalive that began the session
    for (const IpFamily family : {IpFamily::v4, IpFamily::v6}) {
      const Bytes inner = udp_packet(host(family), inner_address(*peer, family), 101);
      ASSERT_TRUE(lab->put_packet(lan, inner));
      const Bytes frame = lab->only_frame(wan);
      ASSERT_FALSE(frame.empty()) << lab->drops();
      EXPECT_EQ(destination_of(frame), far_mac(wan));
      EXPECT_EQ(source_of(frame), port_mac(wan));
      const Bytes outer = payload_of(frame);
      EXPECT_TRUE(is_sound(outer)) << "lengths and checksums, UDP's over IPv6 included";
      EXPECT_EQ(ttl_of(outer), 64U);
      const auto datagram = datagram_of(outer);
      ASSERT_TRUE(datagram);
      EXPECT_EQ(datagram->from, lab->gateway_endpoint(peer->endpoint.address.family));
      EXPECT_EQ(datagram->to, peer->endpoint);
      EXPECT_NE(datagram->udp_checksum, 0U) << "over IPv4 too: translators to IPv6 drop what has none";
      const auto data = peer->open(datagram->payload);
      ASSERT_TRUE(data);
      EXPECT_EQ(data->counter, expected_counter++);
      EXPECT_EQ(data->plaintext.size() % 16, 0U);
      EXPECT_LT(data->plaintext.size(), inner.size() + 16);
      Bytes expected = after_one_hop(inner);
      expected.resize(data->plaintext.size());  // zeros
      EXPECT_EQ(data->plaintext, expected);
    }
  }
}

TEST_F(Tunnel, SumsOuterPacketsOfEveryLengthOverTheCiphertext) {
  for (std::size_t data_bytes = 0; data_bytes <= 1420 - 48; data_bytes += 61) {
    for (const WireguardPeer* peer : {&lab->ann, &lab->bob}) {
      ASSERT_TRUE(lab->put_packet(lan, udp_packet(host_v4, peer->v4, data_bytes)));
      const Bytes outer = lab->only_packet(wan);
      ASSERT_FALSE(outer.empty()) << lab->drops();
      EXPECT_NE(datagram_of(outer)->udp_checksum, 0U);
      EXPECT_EQ(slow_l4_checksum(outer), 0) << data_bytes;
    }
  }
}

TEST_F(Tunnel, LeavesTheUdpChecksumZeroOverIpv4AloneWhenItIsOff) {
  abi::SetTunnel tunnel = lab->tunnel();
  tunnel.udp_checksum = 0;
  lab->control->push(tunnel);
  for (const WireguardPeer* peer : {&lab->ann, &lab->bob}) {
    lab->settle();
    // A datagram of the control plane, and data.
    abi::PacketDown down{.version = abi::version, .length_bytes = 148, .tunnel_id = 0};
    down.remote = peer->endpoint;
    down.data.fill(0x5a);
    ASSERT_TRUE(lab->control->send(down));
    const Bytes handshake = lab->only_packet(wan);
    ASSERT_TRUE(lab->put_packet(lan, udp_packet(host_v4, peer->v4, 300)));
    for (const Bytes& outer : {handshake, lab->only_packet(wan)}) {
      ASSERT_FALSE(outer.empty()) << lab->drops();
      EXPECT_TRUE(is_sound(outer));
      EXPECT_EQ(datagram_of(outer)->udp_checksum != 0, peer->endpoint.address.is_v6());
    }
  }
}

TEST_F(Tunnel, GivesEachPacketOfABurstACounterOfItsOwn) {
  constexpr std::size_t packets = 200;
  for (std::size_t i = 0; i < packets; ++i)
    ASSERT_TRUE(lab->put_packet(lan, udp_packet(host_v4, i % 2 == 0 ? lab->ann.v4 : lab->bob.v4, i)));
  std::map<IpEndpoint, std::set<std::uint64_t>> counters;
  for (const Frame& frame : lab->sent()) {
    const auto datagram = datagram_of(payload_of(frame.bytes));
    ASSERT_TRUE(datagram);
    const auto data = (datagram->to == lab->ann.endpoint ? lab->ann : lab->bob).open(datagram->payload);
    ASSERT_TRUE(data);
    EXPECT_TRUE(counters[datagram->to].insert(data->counter).second);
  }
  for (const WireguardPeer* peer : {&lab->ann, &lab->bob}) {
    EXPECT_EQ(counters[peer->endpoint].size(), packets / 2);
    EXPECT_EQ(*counters[peer->endpoint].rbegin(), packets / 2) << "without a gap";
  }
}

TEST_F(Tunnel, PadsNeverBeyondTheTunnelsMtu) {
  const Bytes inner = udp_packet(host_v4, lab->ann.v4, 1420 - 28);
  ASSERT_EQ(inner.size(), 1420U);
  lab->put_packet(lan, inner);
  const auto plaintext = lab->only_inner(lab->ann);
  ASSERT_TRUE(plaintext) << lab->drops();
  EXPECT_EQ(plaintext->size(), 1420U) << "not 1424";
}

TEST_F(Tunnel, CarriesPacketsFromPeerToPeer) {
  for (const IpFamily family : {IpFamily::v4, IpFamily::v6}) {
    const Bytes inner = udp_packet(inner_address(lab->ann, family), inner_address(lab->bob, family), 64);
    lab->put_inner(lab->ann, inner);
    auto plaintext = lab->only_inner(lab->bob);
    ASSERT_TRUE(plaintext) << lab->drops();
    plaintext->resize(inner.size());
    EXPECT_EQ(*plaintext, after_one_hop(inner));
  }
}

TEST_F(Tunnel, CutsOffWhatFollowsTheInnerPacket) {
  const Bytes inner = udp_packet(lab->ann.v4, host_v4, 10);
  Bytes longer = inner;
  longer.resize(longer.size() + 100, 0xee);
  lab->put_message(lab->ann.endpoint, lab->ann.seal(longer));
  EXPECT_EQ(lab->only_packet(lan), after_one_hop(inner));
}

TEST_F(Tunnel, TakesAPacketThatWasNotPadded) {
  const Bytes inner = udp_packet(lab->ann.v4, host_v4, 11);
  lab->put_message(lab->ann.endpoint, lab->ann.seal_exactly(inner));
  EXPECT_EQ(lab->only_packet(lan), after_one_hop(inner));
}

TEST_F(Tunnel, SwallowsAKeepalive) {
  lab->put_message(lab->ann.endpoint, lab->ann.seal({}));
  EXPECT_TRUE(lab->sent().empty());
  EXPECT_EQ(lab->counter(Counter::keepalives_received), 1U);
  EXPECT_EQ(lab->all_dropped(), 0U) << lab->drops();
}

TEST_F(Tunnel, CountsTheInnerBytesOfEachPeer) {
  lab->put_inner(lab->ann, udp_packet(lab->ann.v4, host_v4, 100));
  lab->put_packet(lan, udp_packet(host_v4, lab->ann.v4, 200));
  lab->advance(300 * millisecond_ns);
  const auto status = lab->gateway->statistics().peer(lab->ann.id);
  ASSERT_TRUE(status);
  EXPECT_EQ(status->rx_packets, 1U);
  EXPECT_EQ(status->rx_bytes, 128U);
  EXPECT_EQ(status->tx_packets, 2U) << "the keepalive too";
  EXPECT_EQ(status->tx_bytes, 228U);
  EXPECT_EQ(status->endpoint, lab->ann.endpoint);
}

TEST_F(Tunnel, CarriesCongestionMarksIntoTheInnerPacket) {
  const auto send = [&](unsigned outer_tos, unsigned inner_tos) {
    lab->put_message(lab->ann.endpoint, lab->ann.seal(udp_packet(lab->ann.v4, host_v4, 10, {.tos = inner_tos})),
                     outer_tos);
    return lab->only_packet(lan);
  };
  const Bytes marked = send(3, 0x2a);  // ECT(0), AF11
  ASSERT_FALSE(marked.empty());
  EXPECT_EQ(tos_of(marked), 0x2bU);
  EXPECT_TRUE(is_sound(marked));
  EXPECT_EQ(tos_of(send(0x88, 0x28)), 0x28U) << "the outer DSCP stays outside";
  EXPECT_TRUE(send(3, 0x28).empty()) << "RFC 6040: congestion experienced, and nobody to tell";
  EXPECT_EQ(lab->dropped(DropReason::ecn_inconsistent), 1U);
  lab->put_packet(lan, udp_packet(host_v4, lab->ann.v4, 10, {.tos = 0x2a}));
  const auto datagram = datagram_of(lab->only_packet(wan));
  ASSERT_TRUE(datagram);
  EXPECT_EQ(datagram->tos, 2U) << "the outer header has the inner ECN and no DSCP";
}

TEST_F(Tunnel, ClampsTheSegmentSizeOfHandshakesThroughTheTunnel) {
  lab->put_packet(lan, tcp_syn(host_v4, lab->ann.v4, 1460));
  const auto out = lab->only_inner(lab->ann);
  ASSERT_TRUE(out);
  EXPECT_EQ(get16(*out, 42), 1380U) << "1420 - 40";
  Bytes packet = *out;
  packet.resize(44);
  EXPECT_TRUE(is_sound(packet));

  lab->put_inner(lab->ann, tcp_syn(lab->ann.v6, host_v6, 1440));
  const Bytes in = lab->only_packet(lan);
  ASSERT_FALSE(in.empty());
  EXPECT_EQ(get16(in, 62), 1360U) << "1420 - 60";
  EXPECT_TRUE(is_sound(in));

  lab->put_packet(lan, tcp_syn(host_v4, lab->ann.v4, 1000));
  EXPECT_EQ(get16(lab->only_inner(lab->ann).value_or(Bytes(64)), 42), 1000U) << "only ever lowered";
  EXPECT_EQ(lab->counter(Counter::mss_clamped), 2U);
}

// RFC 791 section 3.1: of the options the router alert is copied, the record of the route is not.
TEST_F(Tunnel, FragmentsAPacketWithOptionsSoThatTheOtherEndCanPutItTogether) {
  const Bytes options = {7, 7, 4, 0, 0, 0, 0, 0x94, 4, 0, 0, 0};
  const std::string to = lab->ann.v4.to_string();
  const Bytes whole = dataplane::test::v4({.source = "10.0.0.7", .destination = to, .options = options},
                                          dataplane::test::udp(999, 1000, Bytes(1440)));
  lab->put_packet(lan, whole);
  const std::vector<Frame> frames = lab->sent();
  ASSERT_EQ(frames.size(), 2U) << lab->drops();
  Bytes payload;
  for (const Frame& frame : frames) {
    const auto data = lab->ann.open(datagram_of(payload_of(frame.bytes))->payload);
    ASSERT_TRUE(data);
    Bytes piece = data->plaintext;
    piece.resize(get16(piece, 2));
    const std::size_t header = (piece[0] & 15U) * 4;
    EXPECT_EQ(dataplane::test::slow_checksum(Bytes(piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(header))),
              0U);
    EXPECT_EQ((get16(piece, 6) & 0x1fffU) * 8, payload.size());
    EXPECT_EQ((get16(piece, 6) & 0x2000U) != 0, payload.empty()) << "more fragments";
    const Bytes expected = payload.empty() ? options : Bytes{0x94, 4, 0, 0};
    EXPECT_EQ(Bytes(piece.begin() + 20, piece.begin() + static_cast<std::ptrdiff_t>(header)), expected);
    payload.insert(payload.end(), piece.begin() + static_cast<std::ptrdiff_t>(header), piece.end());
  }
  EXPECT_EQ(payload, Bytes(whole.begin() + 32, whole.end()));
  EXPECT_EQ(lab->all_dropped(), 0U) << lab->drops();
}

TEST_F(Tunnel, TagsAndUntagsTheFramesOfAVlan) {
  const IpAddress host = ip("10.12.0.9");
  const Bytes inner = udp_packet(lab->ann.v4, host, 30);
  lab->put_inner(lab->ann, inner);
  EXPECT_EQ(lab->only_packet(dmz), after_one_hop(inner)) << lab->drops();
  lab->put_packet(dmz, udp_packet(host, lab->ann.v4, 30));
  EXPECT_TRUE(lab->only_inner(lab->ann)) << lab->drops();
  EXPECT_EQ(lab->all_dropped(), 0U);

  Bytes untagged = ethernet(port_mac(dmz), far_mac(dmz), type_ipv4, udp_packet(host, lab->ann.v4, 30));
  lab->put(dmz, untagged);
  lab->put(dmz, with_vlan(untagged, 13));
  EXPECT_TRUE(lab->sent().empty());
  EXPECT_EQ(lab->dropped(DropReason::unknown_vlan), 2U);
}

}  // namespace
}  // namespace sallyport::integration
