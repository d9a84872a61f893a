// Handshake messages between the wire and the control plane: MAC1, MAC2, load and cookies (the WireGuard paper, 5.3 and
// 5.4.4 to 5.4.7), and what goes down only behind its command.
#include "config/base/clock.hpp"
#include "controlplane/wireguard/cookie.hpp"
#include "dataplane/abi/packets.hpp"
#include "tests/integration/fixture.hpp"

namespace sallyport::integration {
namespace {

namespace wg = wireguard;

class Handshakes : public IntegrationTest {
 protected:
  void SetUp() override {
    start();
    std::array<std::uint8_t, 32> key;
    key.fill(0x17);
    client_ = wg::make_local_identity(Secret<32>(key));
    auto peer = wg::make_peer_keys(*client_, lab->identity->public_key, wg::PresharedKey{});
    ASSERT_TRUE(peer);
    gateway_ = *peer;
  }
  // Signed with the right MAC1, and with MAC2 if the jar has a cookie. The rest is noise: nobody here decrypts it.
  [[nodiscard]] Bytes initiation(std::uint32_t sender_index = 0x1234) {
    wg::HandshakeInitiation message{.sender_index = sender_index};
    message.ephemeral[3] = 7;
    const auto bytes = jar_.sign(message, *gateway_, now_);
    return {bytes.begin(), bytes.end()};
  }
  [[nodiscard]] Bytes response() {
    const auto bytes = jar_.sign(wg::HandshakeResponse{.sender_index = 1, .receiver_index = 2}, *gateway_, now_);
    return {bytes.begin(), bytes.end()};
  }
  [[nodiscard]] bool accept(const wg::CookieReply& reply) { return jar_.accept(reply, *gateway_, now_).has_value(); }
  // Initiations until the gateway says that it is under load.
  void load() {
    for (int i = 0; i < 2000 && lab->gateway->statistics().header().under_load.load() == 0; ++i) {
      lab->put_message(flooder_, initiation());
      lab->settle();
    }
    ASSERT_EQ(lab->gateway->statistics().header().under_load.load(), 1U);
    static_cast<void>(lab->sent());
    while (lab->control->take_unproven()) {}
  }

  wg::CookieJar jar_;
  wg::BootTime now_{};
  const IpEndpoint client_endpoint_ = *IpEndpoint::parse("192.0.2.30:3000");
  const IpEndpoint flooder_ = *IpEndpoint::parse("192.0.2.31:3000");

 private:
  std::shared_ptr<const wg::LocalIdentity> client_;
  std::shared_ptr<const wg::PeerKeys> gateway_;
};

TEST_F(Handshakes, WithAWrongMac1GoNowhere) {
  Bytes wrong = initiation();
  wrong[116] ^= 1;
  lab->put_message(client_endpoint_, wrong);
  Bytes changed = response();
  changed[40] ^= 1;
  lab->put_message(client_endpoint_, changed);
  lab->settle();
  EXPECT_EQ(lab->dropped(DropReason::bad_mac1), 2U);
  EXPECT_FALSE(lab->control->take_unproven());
  EXPECT_FALSE(lab->control->take_proven());
}

TEST_F(Handshakes, WithARightMac1ReachTheControlPlane) {
  for (const Bytes& message : {initiation(), response()}) {
    for (const char* from : {"192.0.2.30:3000", "[2001:db8::30]:3001"}) {
      const IpEndpoint remote = *IpEndpoint::parse(from);
      lab->put_message(remote, message);
      lab->settle();
      const auto up = lab->control->take_unproven();
      ASSERT_TRUE(up) << lab->drops();
      EXPECT_EQ(up->version, abi::version);
      EXPECT_EQ(Bytes(up->data.begin(), up->data.begin() + up->length_bytes), message);
      EXPECT_EQ(up->tunnel_id, 0U);
      EXPECT_EQ(up->port_index, wan);
      EXPECT_EQ(up->mac2_valid, 0U);
      EXPECT_EQ(up->remote, remote);
      EXPECT_EQ(up->local, lab->gateway_endpoint(remote.address.family));
    }
  }
  EXPECT_EQ(lab->counter(Counter::punted), 4U);
}

TEST_F(Handshakes, OfWrongSizesAreNone) {
  const Bytes good = initiation();
  Bytes longer = good, shorter(good.begin(), good.end() - 1);
  longer.push_back(0);
  lab->put_message(client_endpoint_, longer);
  lab->put_message(client_endpoint_, shorter);
  lab->settle();
  EXPECT_EQ(lab->dropped(DropReason::unknown_message), 2U);
}

TEST_F(Handshakes, UnderLoadAreAnsweredWithACookieThatOpensTheProvenRing) {
  for (const char* from : {"192.0.2.30:3000", "[2001:db8::30]:3001"}) {
    load();
    const IpEndpoint remote = *IpEndpoint::parse(from);
    jar_ = {};
    lab->put_message(remote, initiation(0xabcd));
    const Bytes reply = lab->only_packet(wan);
    ASSERT_FALSE(reply.empty()) << lab->drops();
    EXPECT_TRUE(is_sound(reply));
    const auto datagram = datagram_of(reply);
    ASSERT_TRUE(datagram);
    EXPECT_EQ(datagram->to, remote);
    EXPECT_NE(datagram->udp_checksum, 0U);
    EXPECT_EQ(datagram->from, lab->gateway_endpoint(remote.address.family));
    EXPECT_FALSE(lab->control->take_unproven());
    const auto cookie = wg::parse_cookie_reply(datagram->payload);
    ASSERT_TRUE(cookie);
    EXPECT_EQ(cookie->receiver_index, 0xabcdU);
    ASSERT_TRUE(accept(*cookie));

    lab->put_message(remote, initiation());
    lab->settle();
    const auto up = lab->control->take_proven();
    ASSERT_TRUE(up) << lab->drops();
    EXPECT_EQ(up->mac2_valid, 1U);
    EXPECT_EQ(up->remote, remote);

    IpEndpoint elsewhere = remote;
    ++elsewhere.port;
    lab->put_message(elsewhere, initiation());
    EXPECT_EQ(lab->sent().size(), 1U) << "the cookie is for one address: another gets its own";
    EXPECT_FALSE(lab->control->take_proven());
    lab->advance(5 * second_ns);
    EXPECT_EQ(lab->gateway->statistics().header().under_load.load(), 0U);
  }
  EXPECT_EQ(lab->counter(Counter::cookie_replies_sent), lab->dropped(DropReason::answered_with_cookie));
}

TEST_F(Handshakes, KeepTheirCookieThroughOneChangeOfSecrets) {
  load();
  jar_ = {};
  lab->put_message(client_endpoint_, initiation());
  const auto datagram = datagram_of(lab->only_packet(wan));
  ASSERT_TRUE(datagram);
  // Secrets that were drawn at start are nobody's; the control plane's come in their place.
  lab->control->push(abi::SetCookieSecrets{.current = {1}, .previous = {2}});
  lab->settle();
  lab->put_message(client_endpoint_, initiation());
  const auto second = datagram_of(lab->only_packet(wan));
  ASSERT_TRUE(second);
  ASSERT_TRUE(accept(*wg::parse_cookie_reply(second->payload)));
  lab->control->push(abi::SetCookieSecrets{.current = {3}, .previous = {1}});
  lab->settle();
  lab->put_message(client_endpoint_, initiation());
  lab->settle();
  EXPECT_TRUE(lab->control->take_proven());
  lab->control->push(abi::SetCookieSecrets{.current = {4}, .previous = {3}});
  lab->settle();
  lab->put_message(client_endpoint_, initiation());
  lab->settle();
  EXPECT_FALSE(lab->control->take_proven());
}

TEST_F(Handshakes, InAFloodHarmNoSession) {
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 200; ++i) lab->put_message(flooder_, initiation());
    lab->put_inner(lab->ann, udp_packet(lab->ann.v4, ip("10.0.0.7"), 20));
    unsigned passed = 0;
    for (const Frame& frame : lab->sent()) passed += frame.device == lan ? 1 : 0;
    EXPECT_EQ(passed, 1U);
  }
}

TEST_F(Handshakes, WithoutAControlPlaneAreDropped) {
  lab->disconnect();
  lab->put_message(client_endpoint_, initiation());
  lab->settle();
  EXPECT_EQ(lab->dropped(DropReason::control_plane_absent), 1U);
}

TEST_F(Handshakes, FillTheirRingAndNoMore) {
  for (int i = 0; i < 1100; ++i) {
    lab->put_message(client_endpoint_, initiation());
    if (i % 64 == 63) lab->advance(40 * millisecond_ns);  // below the rate that means load
  }
  lab->settle();
  EXPECT_LE(lab->counter(Counter::punted), abi::packet_ring_slots);
  EXPECT_GE(lab->dropped(DropReason::answered_with_cookie), 1U) << "a control plane that does not keep up is load";
  static_cast<void>(lab->sent());
}

// --- down ---

TEST_F(Handshakes, GoDownAsTheyAre) {
  abi::PacketDown packet{
      .version = abi::version, .length_bytes = 92, .tunnel_id = 0, .tos = 0x88, .remote = client_endpoint_};
  packet.data[0] = 2;
  packet.data[91] = 0x77;
  for (const IpEndpoint& remote : {client_endpoint_, *IpEndpoint::parse("[2001:db8::30]:3001")}) {
    packet.remote = remote;
    lab->control->send(packet);
    const Bytes out = lab->only_packet(wan);
    ASSERT_FALSE(out.empty()) << lab->drops();
    EXPECT_TRUE(is_sound(out));
    const auto datagram = datagram_of(out);
    EXPECT_EQ(datagram->from, lab->gateway_endpoint(remote.address.family));
    EXPECT_EQ(datagram->to, remote);
    EXPECT_EQ(datagram->tos, 0x88U);
    EXPECT_EQ(datagram->payload, Bytes(packet.data.begin(), packet.data.begin() + 92));
  }
}

TEST_F(Handshakes, GoDownOnlyBehindTheirCommand) {
  const std::uint64_t sequence = lab->control->next_sequence();
  abi::PacketDown packet{.version = abi::version,
                         .length_bytes = 92,
                         .tunnel_id = 0,
                         .after_sequence = sequence,
                         .remote = client_endpoint_};
  lab->control->send(packet);
  EXPECT_TRUE(lab->sent().empty());
  lab->give_session(lab->ann, abi::HandshakeRole::responder);
  EXPECT_EQ(lab->sent().size(), 1U);
}

TEST_F(Handshakes, NeverGoDownBehindACommandThatWasRefused) {
  const std::uint64_t sequence = lab->control->next_sequence();
  abi::PacketDown packet{.version = abi::version,
                         .length_bytes = 92,
                         .tunnel_id = 0,
                         .after_sequence = sequence,
                         .remote = client_endpoint_};
  lab->control->send(packet);
  lab->settle();
  abi::InstallSession install = lab->new_session(lab->ann, abi::HandshakeRole::responder);
  install.peer_id = 999;
  lab->control->push(install);
  lab->control->send(packet);
  EXPECT_TRUE(lab->sent().empty());
  EXPECT_EQ(lab->dropped(DropReason::bad_command), 2U);
}

TEST_F(Handshakes, WithNonsenseInTheirSlotAreDropped) {
  const abi::PacketDown good{.version = abi::version, .length_bytes = 92, .tunnel_id = 0, .remote = client_endpoint_};
  std::vector<abi::PacketDown> bad(8, good);
  bad[0].version = 99;
  bad[1].length_bytes = 0;
  bad[2].length_bytes = 0xffff;
  bad[3].tunnel_id = 63;
  bad[4].tunnel_id = 0xffff;
  bad[5].remote = {};
  bad[6].remote.port = 0;
  bad[7].local = {.address = ip("2001:db8::1"), .port = 1};
  for (const abi::PacketDown& packet : bad) lab->control->send(packet);
  EXPECT_TRUE(lab->sent().empty());
  EXPECT_EQ(lab->dropped(DropReason::bad_command), bad.size());
  abi::PacketDown large = good;
  large.length_bytes = 1968;
  lab->control->send(large);
  abi::PacketDown inside = good;
  inside.remote = *IpEndpoint::parse("10.0.0.7:1");
  lab->control->send(inside);
  EXPECT_TRUE(lab->sent().empty());
  EXPECT_EQ(lab->dropped(DropReason::too_big), 1U);
  EXPECT_EQ(lab->dropped(DropReason::no_underlay_route), 1U);
}

}  // namespace
}  // namespace sallyport::integration
