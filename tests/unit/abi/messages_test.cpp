#include <random>

#include <gtest/gtest.h>

#include "dataplane/abi/commands.hpp"
#include "dataplane/abi/events.hpp"
#include "dataplane/abi/packets.hpp"
#include "dataplane/abi/validate.hpp"

namespace sallyport::abi {
namespace {

constexpr CommandLimits limits{.max_peers = 100, .max_sessions = 128, .max_classes = 16, .port_count = 2};

SetPeer a_peer() {
  SetPeer peer{};
  peer.peer_id = 99;
  return peer;
}

InstallSession a_session() {
  InstallSession session{};
  session.index = 1;
  session.session_id = 1;
  session.role = HandshakeRole::responder;
  session.endpoint = *IpEndpoint::parse("198.51.100.7:4242");
  return session;
}

SetTunnel a_tunnel() {
  SetTunnel tunnel{};
  tunnel.listen_port = 51820;
  tunnel.mtu = 1420;
  return tunnel;
}

SetRoute a_route() {
  SetRoute route{};
  route.prefix = *IpPrefix::parse("10.20.0.0/16");
  route.route_kind = RouteKind::via;
  route.via = *IpAddress::parse("10.0.0.254");
  return route;
}

PacketDown a_packet() {
  PacketDown packet{};
  packet.version = version;
  packet.length_bytes = 92;
  packet.remote = *IpEndpoint::parse("198.51.100.7:4242");
  return packet;
}

SetCapture a_capture() {
  SetCapture capture{};
  capture.capture_id = 1;
  capture.peer_id = no_peer;
  capture.port_index = no_port;
  capture.points = 1;
  capture.any_drop_reason = 1;
  return capture;
}

// A valid message that `spoil` makes invalid.
template <typename Message, typename Spoil>
Message spoilt(Message message, Spoil&& spoil) {
  spoil(message);
  return message;
}

TEST(Messages, ReadBackWhatWasMade) {
  const Command command = make_command(7, a_peer());
  EXPECT_EQ(command.header.sequence, 7U);
  SetPeer peer;
  ASSERT_TRUE(read_payload(command, peer));
  EXPECT_EQ(peer.peer_id, 99U);
  SessionEnded ended;
  ASSERT_TRUE(read_payload(make_event(5, SessionEnded{1, 2, 3, SessionEnd::expired}), ended));
  EXPECT_EQ(ended.session_id, 3U);
}

TEST(Messages, AreNotReadWithAnotherVersionKindOrSize) {
  const Command good = make_command(1, a_peer());
  SetPeer peer;
  RemovePeer other;
  EXPECT_FALSE(read_payload(good, other));
  EXPECT_FALSE(read_payload(spoilt(good, [](auto& c) { ++c.header.version; }), peer));
  EXPECT_FALSE(read_payload(spoilt(good, [](auto& c) { c.header.kind = static_cast<CommandKind>(999); }), peer));
  EXPECT_FALSE(read_payload(spoilt(good, [](auto& c) { --c.header.payload_bytes; }), peer));
  EXPECT_FALSE(read_payload(spoilt(good, [](auto& c) { c.header.payload_bytes = 0xffffffff; }), peer));
  const Event event = make_event(1, SessionWanted{5});
  RekeyWanted rekey;
  EXPECT_FALSE(read_payload(event, rekey));
}

TEST(Messages, CarryNothingOfTheStackBehindTheirPayload) {
  const Command command = make_command(1, ForgetTimestamp{5});
  for (std::size_t i = sizeof(ForgetTimestamp); i < command.payload.size(); ++i) ASSERT_EQ(command.payload[i], 0);
}

TEST(Validate, AcceptsGoodMessages) {
  EXPECT_TRUE(valid(a_tunnel()));
  EXPECT_TRUE(valid(a_peer(), limits));
  EXPECT_TRUE(valid(a_route(), limits));
  EXPECT_TRUE(valid(a_session(), limits));
  EXPECT_TRUE(valid(a_capture(), limits));
  EXPECT_TRUE(valid(a_packet()));
  EXPECT_TRUE(valid(SetCapture{}, limits)) << "off";
}

TEST(Validate, RefusesTunnelsOutOfRange) {
  EXPECT_FALSE(valid(spoilt(a_tunnel(), [](auto& t) { t.tunnel_id = max_tunnels; })));
  EXPECT_FALSE(valid(spoilt(a_tunnel(), [](auto& t) { t.listen_port = 0; })));
  EXPECT_FALSE(valid(spoilt(a_tunnel(), [](auto& t) { t.mtu = 575; })));
  EXPECT_FALSE(valid(spoilt(a_tunnel(), [](auto& t) { t.mtu = 9217; })));
  EXPECT_FALSE(valid(spoilt(a_tunnel(), [](auto& t) { t.mss_clamp = 2; })));
  EXPECT_FALSE(valid(spoilt(a_tunnel(), [](auto& t) { t.address_count = max_addresses + 1; })));
  EXPECT_FALSE(valid(spoilt(a_tunnel(), [](auto& t) { t.address_count = 1; }))) << "an address that is not set";
  EXPECT_FALSE(valid(RemoveTunnel{max_tunnels}));
}

TEST(Validate, RefusesPeersOutOfRange) {
  EXPECT_FALSE(valid(spoilt(a_peer(), [](auto& p) { p.peer_id = 100; }), limits));
  EXPECT_FALSE(valid(spoilt(a_peer(), [](auto& p) { p.peer_id = no_peer; }), limits));
  EXPECT_FALSE(valid(spoilt(a_peer(), [](auto& p) { p.tunnel_id = max_tunnels; }), limits));
  EXPECT_FALSE(valid(spoilt(a_peer(), [](auto& p) { p.endpoint.address.family = IpFamily{3}; }), limits));
  EXPECT_FALSE(valid(spoilt(a_peer(), [](auto& p) { p.endpoint.port = 5; }), limits)) << "a port without an address";
  EXPECT_FALSE(valid(RemovePeer{100, {}}, limits));
  EXPECT_FALSE(valid(ForgetTimestamp{100}, limits));
}

TEST(Validate, RefusesEndpointsThatNobodyCanHave) {
  const auto with = [](const char* endpoint) {
    return valid(spoilt(a_peer(), [&](auto& p) { p.endpoint = *IpEndpoint::parse(endpoint); }), limits);
  };
  EXPECT_TRUE(with("198.51.100.7:1"));
  EXPECT_FALSE(with("0.0.0.0:51820"));
  EXPECT_FALSE(with("[::]:51820"));
  EXPECT_FALSE(with("224.0.0.1:51820"));
  EXPECT_FALSE(with("[ff02::1]:51820"));
  // Port 0 is no text that parses, but a message can hold it.
  EXPECT_FALSE(valid(spoilt(a_peer(), [](auto& p) { p.endpoint.address = IpAddress::v4(198, 51, 100, 7); }), limits));
  EXPECT_FALSE(valid(spoilt(a_peer(),
                            [](auto& p) {
                              p.endpoint = *IpEndpoint::parse("198.51.100.7:1");
                              p.endpoint.address.bytes[10] = 1;  // bytes that IPv4 does not use
                            }),
                     limits));
  EXPECT_FALSE(valid(spoilt(a_peer(),
                            [](auto& p) {
                              p.endpoint = *IpEndpoint::parse("198.51.100.7:1");
                              p.endpoint.reserved = 1;
                            }),
                     limits));
}

TEST(Validate, RefusesRoutesThatCannotBe) {
  EXPECT_FALSE(valid(spoilt(a_route(), [](auto& r) { r.prefix = *IpPrefix::parse("10.20.0.1/16"); }), limits));
  EXPECT_FALSE(valid(spoilt(a_route(), [](auto& r) { r.prefix.length = 33; }), limits));
  EXPECT_FALSE(valid(spoilt(a_route(), [](auto& r) { r.prefix = {}; }), limits));
  EXPECT_FALSE(valid(spoilt(a_route(), [](auto& r) { r.route_kind = RouteKind{0}; }), limits));
  EXPECT_FALSE(valid(spoilt(a_route(), [](auto& r) { r.route_kind = RouteKind{4}; }), limits));
  EXPECT_FALSE(valid(spoilt(a_route(), [](auto& r) { r.via = {}; }), limits));
  EXPECT_FALSE(valid(spoilt(a_route(), [](auto& r) { r.via = *IpAddress::parse("fd00::1"); }), limits));
  EXPECT_FALSE(valid(spoilt(a_route(),
                            [](auto& r) {
                              r.route_kind = RouteKind::peer;
                              r.peer_id = 100;
                            }),
                     limits));
  EXPECT_TRUE(valid(spoilt(a_route(), [](auto& r) { r.route_kind = RouteKind::blackhole; }), limits));
  EXPECT_FALSE(valid(RemoveRoute{*IpPrefix::parse("10.20.0.1/16")}));
}

TEST(Validate, RefusesSessionsThatCannotBe) {
  EXPECT_FALSE(valid(spoilt(a_session(), [](auto& s) { s.index = 0; }), limits));
  EXPECT_FALSE(valid(spoilt(a_session(), [](auto& s) { s.session_id = 0; }), limits));
  EXPECT_FALSE(valid(spoilt(a_session(), [](auto& s) { s.peer_id = 100; }), limits));
  EXPECT_FALSE(valid(spoilt(a_session(), [](auto& s) { s.role = HandshakeRole{0}; }), limits));
  EXPECT_FALSE(valid(spoilt(a_session(), [](auto& s) { s.role = HandshakeRole{3}; }), limits));
  EXPECT_FALSE(valid(spoilt(a_session(), [](auto& s) { s.port_index = 2; }), limits));
  EXPECT_TRUE(valid(spoilt(a_session(), [](auto& s) { s.port_index = no_port; }), limits));
  EXPECT_FALSE(valid(spoilt(a_session(), [](auto& s) { s.endpoint = {}; }), limits));
  EXPECT_FALSE(valid(RetireSession{0, 0, 1}));
  EXPECT_FALSE(valid(RetireSession{1, 0, 0}));
}

TEST(Validate, RefusesVerdictsAndCapturesOutOfRange) {
  EXPECT_FALSE(valid(spoilt(a_capture(), [](auto& c) { c.points = 0; }), limits));
  EXPECT_FALSE(valid(spoilt(a_capture(), [](auto& c) { c.points = 32; }), limits));
  EXPECT_FALSE(valid(spoilt(a_capture(), [](auto& c) { c.peer_id = 100; }), limits));
  EXPECT_FALSE(valid(spoilt(a_capture(), [](auto& c) { c.port_index = 2; }), limits));
  EXPECT_FALSE(valid(spoilt(a_capture(), [](auto& c) { c.snap_bytes = capture_snap_bytes + 1; }), limits));
  EXPECT_FALSE(valid(spoilt(a_capture(), [](auto& c) { c.any_drop_reason = 2; }), limits));
  EXPECT_FALSE(valid(spoilt(a_capture(),
                            [](auto& c) {
                              c.any_drop_reason = 0;
                              c.drop_reason = DropReason::count;
                            }),
                     limits));
}

TEST(Validate, RefusesPacketsThatCannotBeSent) {
  EXPECT_FALSE(valid(spoilt(a_packet(), [](auto& p) { ++p.version; })));
  EXPECT_FALSE(valid(spoilt(a_packet(), [](auto& p) { p.length_bytes = 0; })));
  EXPECT_FALSE(valid(spoilt(a_packet(), [](auto& p) { p.length_bytes = packet_slot_data_bytes + 1; })));
  EXPECT_FALSE(valid(spoilt(a_packet(), [](auto& p) { p.tunnel_id = max_tunnels; })));
  EXPECT_FALSE(valid(spoilt(a_packet(), [](auto& p) { p.remote = {}; })));
  EXPECT_FALSE(valid(spoilt(a_packet(), [](auto& p) { p.local = *IpEndpoint::parse("[2001:db8::1]:1"); })));
  EXPECT_FALSE(valid(spoilt(a_packet(), [](auto& p) { p.local.address.family = IpFamily{99}; })));
}

// A reader that believes valid() indexes tables by what passed it.
TEST(Validate, LetsNothingOutOfRangeThroughWhateverTheBytes) {
  std::mt19937_64 random(7);
  const auto fill = [&](auto& message) {
    auto* bytes = reinterpret_cast<std::uint8_t*>(&message);
    for (std::size_t i = 0; i < sizeof message; ++i)
      bytes[i] = static_cast<std::uint8_t>(random() % 4 == 0 ? random() : random() % 8);
  };
  for (int i = 0; i < 50'000; ++i) {
    SetPeer peer;
    fill(peer);
    if (valid(peer, limits)) { ASSERT_TRUE(peer.peer_id < 100 && peer.tunnel_id < max_tunnels); }
    SetRoute route;
    fill(route);
    if (valid(route, limits)) { ASSERT_TRUE(route.prefix.length <= route.prefix.address.bits()); }
    SetTunnel tunnel;
    fill(tunnel);
    if (valid(tunnel)) { ASSERT_TRUE(tunnel.address_count <= max_addresses); }
  }
}

TEST(Refusals, EachHasAnExplanation) {
  for (unsigned reason = 1; reason < static_cast<unsigned>(Refusal::count); ++reason)
    EXPECT_NE(to_string(static_cast<Refusal>(reason)), "unknown refusal");
  EXPECT_EQ(to_string(static_cast<Refusal>(200)), "unknown refusal");
}

}  // namespace
}  // namespace sallyport::abi
