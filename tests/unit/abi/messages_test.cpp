#include <random>

#include <gtest/gtest.h>

#include "dataplane/abi/commands.hpp"
#include "dataplane/abi/events.hpp"
#include "dataplane/abi/packets.hpp"
#include "dataplane/abi/statistics_view.hpp"
#include "dataplane/abi/validate.hpp"

namespace sallyport::abi::messages_test {
namespace {

constexpr CommandLimits limits{.max_peers = 100, .max_sessions = 128, .max_classes = 16, .port_count = 2};

SetPeer a_peer() {
  SetPeer peer{};
  peer.peer_id = 99;
  peer.former_key.fill(7);
  return peer;
}

InstallSession a_session() {
  InstallSession session{};
  session.index = 1;
  session.session_id = 1;
  session.role = HandshakeRole::responder;
  session.cipher = SessionCipher::chacha20_poly1305;
  session.rules.reject_after_packets = greatest_reject_after_packets;
  session.rules.rekey_after_packets = 1;
  session.rules.reject_after_s = 1;
  session.rules.replay_window = greatest_replay_window;
  session.endpoint = *IpEndpoint::parse("198.51.100.7:4242");
  return session;
}

SetTunnel a_tunnel() {
  SetTunnel tunnel{};
  tunnel.listen_port = 51820;
  tunnel.mtu = 1420;
  tunnel.protocol = TunnelProtocol::wireguard;
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
  EXPECT_EQ(peer.former_key[31], 7);
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
  EXPECT_TRUE(valid(a_tunnel(), limits));
  EXPECT_TRUE(valid(a_peer(), limits));
  EXPECT_TRUE(valid(a_route(), limits));
  EXPECT_TRUE(valid(a_session(), limits));
  EXPECT_TRUE(valid(a_capture(), limits));
  EXPECT_TRUE(valid(a_packet()));
  EXPECT_TRUE(valid(SetCapture{}, limits)) << "off";
}

TEST(Validate, RefusesTunnelsOutOfRange) {
  EXPECT_FALSE(valid(spoilt(a_tunnel(), [](auto& t) { t.tunnel_id = max_tunnels; }), limits));
  EXPECT_FALSE(valid(spoilt(a_tunnel(), [](auto& t) { t.listen_port = 0; }), limits));
  EXPECT_FALSE(valid(spoilt(a_tunnel(), [](auto& t) { t.mtu = 575; }), limits));
  EXPECT_FALSE(valid(spoilt(a_tunnel(), [](auto& t) { t.mtu = 9217; }), limits));
  EXPECT_FALSE(valid(spoilt(a_tunnel(), [](auto& t) { t.mss_clamp = 2; }), limits));
  EXPECT_FALSE(valid(spoilt(a_tunnel(), [](auto& t) { t.udp_checksum = 2; }), limits));
  EXPECT_FALSE(valid(spoilt(a_tunnel(), [](auto& t) { t.address_count = max_addresses + 1; }), limits));
  EXPECT_FALSE(valid(spoilt(a_tunnel(), [](auto& t) { t.address_count = 1; }), limits)) << "an address that is not set";
  EXPECT_FALSE(valid(RemoveTunnel{max_tunnels}, limits));
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
  EXPECT_FALSE(valid(RemoveRoute{*IpPrefix::parse("10.20.0.1/16")}, limits));
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
  EXPECT_FALSE(valid(RetireSession{0, 0, 1}, limits));
  EXPECT_FALSE(valid(RetireSession{1, 0, 0}, limits));
}

TEST(Validate, RefusesCapturesOutOfRange) {
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

// --- policy ---

// An object and the object behind the last good value.
SetRule a_rule() {
  return {.image = 1, .number = 1, .rank = 1, .action = RuleAction::allow, .log = RuleLog::all, .reject = 1};
}

SetService a_service() {
  SetService service{.image = 1, .number = 1, .port_count = max_service_ports};
  service.ports.fill({.protocol = 6, .first = 80, .last = 80});
  return service;
}

SetSourceClass a_row() {
  SetSourceClass row{.image = 1, .number = 1, .total = row_entries_per_piece, .count = row_entries_per_piece};
  for (std::uint32_t i = 0; i < row_entries_per_piece; ++i)
    row.entries[i] = {.service = i + 1, .rule = 1, .audit_rule = 0};
  return row;
}

SetDestinationClass a_destination() {
  SetDestinationClass list{.image = 1, .number = 1, .total = services_per_piece, .count = services_per_piece};
  for (std::uint32_t i = 0; i < services_per_piece; ++i) list.services[i] = i + 1;
  return list;
}

Access an_access() {
  Access access{.source_class = 1, .step_count = max_access_steps};
  for (std::uint32_t i = 0; i < max_access_steps; ++i) access.steps[i] = {.not_after_ns = i, .next_class = i};
  return access;
}

SetAddress an_address() {
  return {.image = 1, .access = an_access(), .destination_class = 15, .prefix = *IpPrefix::parse("10.0.0.0/8")};
}

SetPeerAccess a_peer_access() {
  return {.image = 1, .peer_id = 99, .identity = 99, .access = an_access(), .destination_class = 15};
}

ListFlows a_listing() {
  return {.listing = 1, .peer_id = no_peer, .most = 10, .rule = 0, .protocol = any_protocol};
}

TEST(Validate, AcceptsGoodPolicyMessages) {
  EXPECT_TRUE(valid(BeginPolicy{.image = 1, .allow_all = 1, .record_flows = 1, .pick_up_s = 0xffff}, limits));
  EXPECT_TRUE(valid(a_rule(), limits));
  EXPECT_TRUE(valid(a_service(), limits));
  EXPECT_TRUE(valid(a_row(), limits));
  EXPECT_TRUE(valid(a_destination(), limits));
  EXPECT_TRUE(valid(an_access(), limits));
  EXPECT_TRUE(valid(an_address(), limits));
  EXPECT_TRUE(valid(a_peer_access(), limits));
  EXPECT_TRUE(valid(a_listing(), limits));
  EXPECT_TRUE(valid(RemoveSourceClass{.image = 1, .number = 15}, limits));
  EXPECT_TRUE(valid(RemoveDestinationClass{.image = 1, .number = 15}, limits));
  EXPECT_TRUE(valid(RemoveAddress{.image = 1, .prefix = *IpPrefix::parse("::/0")}, limits));
}

TEST(Validate, RefusesImagesThatCannotBe) {
  EXPECT_FALSE(valid(BeginPolicy{.image = 0}, limits));
  EXPECT_FALSE(valid(BeginPolicy{.image = 1, .allow_all = 2}, limits));
  EXPECT_FALSE(valid(BeginPolicy{.image = 1, .record_flows = 2}, limits));
}

TEST(Validate, RefusesRulesOutOfRange) {
  EXPECT_TRUE(valid(spoilt(a_rule(), [](auto& r) { r.number = max_rules - 1; }), limits));
  EXPECT_TRUE(valid(spoilt(a_rule(), [](auto& r) { r.action = RuleAction::audit; }), limits));
  EXPECT_TRUE(valid(spoilt(a_rule(), [](auto& r) { r.rate_bits_per_s = max_rate_bits_per_s; }), limits));
  EXPECT_TRUE(valid(spoilt(a_rule(), [](auto& r) { r.rank = no_rank - 1; }), limits));
  EXPECT_FALSE(valid(spoilt(a_rule(), [](auto& r) { r.number = 0; }), limits)) << "what no rule allows";
  EXPECT_FALSE(valid(spoilt(a_rule(), [](auto& r) { r.number = max_rules; }), limits));
  EXPECT_FALSE(valid(spoilt(a_rule(), [](auto& r) { r.rank = no_rank; }), limits));
  EXPECT_FALSE(valid(spoilt(a_rule(), [](auto& r) { r.action = RuleAction{3}; }), limits));
  EXPECT_FALSE(valid(spoilt(a_rule(), [](auto& r) { r.log = RuleLog{3}; }), limits));
  EXPECT_FALSE(valid(spoilt(a_rule(), [](auto& r) { r.reject = 2; }), limits));
  EXPECT_FALSE(valid(spoilt(a_rule(), [](auto& r) { r.rate_bits_per_s = max_rate_bits_per_s + 1; }), limits));
}

TEST(Validate, RefusesServicesOutOfRange) {
  constexpr PortRange everything{.protocol = any_protocol, .first = 0, .last = 65535};
  EXPECT_TRUE(valid(spoilt(a_service(), [](auto& s) { s.number = max_services - 1; }), limits));
  EXPECT_TRUE(valid(spoilt(a_service(), [](auto& s) { s.port_count = 0; }), limits)) << "on no port";
  EXPECT_TRUE(valid(spoilt(a_service(), [&](auto& s) { s.ports[31] = everything; }), limits));
  EXPECT_FALSE(valid(spoilt(a_service(), [](auto& s) { s.number = 0; }), limits));
  EXPECT_FALSE(valid(spoilt(a_service(), [](auto& s) { s.number = max_services; }), limits));
  EXPECT_FALSE(valid(spoilt(a_service(), [](auto& s) { s.port_count = max_service_ports + 1; }), limits));
  EXPECT_FALSE(valid(spoilt(a_service(), [](auto& s) { s.port_count = 0xffffffff; }), limits));
  EXPECT_FALSE(valid(spoilt(a_service(), [](auto& s) { s.ports[31].protocol = any_protocol + 1; }), limits));
  EXPECT_FALSE(valid(spoilt(a_service(), [](auto& s) { s.ports[31].last = 79; }), limits));
  EXPECT_TRUE(valid(spoilt(a_service(),
                           [](auto& s) {
                             s.ports[31].last = 79;
                             s.port_count = 31;
                           }),
                    limits))
      << "what is not counted is not read";
}

TEST(Validate, RefusesAddressesThatDrainAndDoNot) {
  EXPECT_TRUE(valid(spoilt(an_address(), [](auto& a) { a.draining = 1; }), limits));
  EXPECT_TRUE(valid(spoilt(an_address(), [](auto& a) { a.opening_class = 15; }), limits));
  EXPECT_FALSE(valid(spoilt(an_address(), [](auto& a) { a.draining = 2; }), limits));
  EXPECT_FALSE(valid(spoilt(an_address(), [](auto& a) { a.draining = 255; }), limits));
  EXPECT_FALSE(valid(spoilt(an_address(), [](auto& a) { a.opening_class = 16; }), limits));
  EXPECT_FALSE(valid(spoilt(an_address(),
                            [](auto& a) {
                              a.draining = 1;
                              a.opening_class = 1;
                            }),
                     limits))
      << "no flow begins there, whatever the class says";
}

// Both lists come in pieces of the same shape.
template <typename Piece>
void check_pieces(const Piece& good, std::uint32_t most) {
  const auto with = [&](std::uint32_t total, std::uint32_t offset, std::uint32_t count) {
    Piece piece = good;
    piece.total = total;
    piece.offset = offset;
    piece.count = count;
    return valid(piece, limits);
  };
  EXPECT_TRUE(with(0, 0, 0)) << "an empty list";
  EXPECT_TRUE(with(most, 0, most));
  EXPECT_TRUE(with(most + 1, 0, most));
  EXPECT_TRUE(with(most + 1, 1, most));
  EXPECT_TRUE(with(max_services, max_services - most, most));
  EXPECT_TRUE(with(most, 0, 1)) << "pieces may be short";
  EXPECT_FALSE(with(most, 0, 0)) << "an empty piece of a list that is not";
  EXPECT_FALSE(with(most, most, 0));
  EXPECT_FALSE(with(most, 1, most)) << "beyond the end";
  EXPECT_FALSE(with(most, most + 1, 1));
  EXPECT_FALSE(with(0, 0, 1));
  EXPECT_FALSE(with(most + 1, 0, most + 1)) << "more than a piece holds";
  EXPECT_FALSE(with(max_services + 1, 0, most));
  EXPECT_FALSE(with(most, 0xffffffff, 1)) << "a sum that wraps";
  EXPECT_FALSE(with(most, 1, 0xffffffff));
  EXPECT_TRUE(valid(spoilt(good, [](auto& p) { p.number = 15; }), limits));
  EXPECT_FALSE(valid(spoilt(good, [](auto& p) { p.number = 16; }), limits));
  EXPECT_FALSE(valid(spoilt(good, [](auto& p) { p.number = 0; }), limits)) << "nobody, nowhere";
}

TEST(Validate, RefusesRowsThatCannotBe) {
  check_pieces(a_row(), row_entries_per_piece);
  EXPECT_TRUE(valid(spoilt(a_row(), [](auto& r) { r.entries[17].service = any_service; }), limits));
  EXPECT_TRUE(valid(spoilt(a_row(), [](auto& r) { r.entries[17].service = max_services - 1; }), limits));
  EXPECT_FALSE(valid(spoilt(a_row(), [](auto& r) { r.entries[17].service = max_services; }), limits));
  EXPECT_FALSE(valid(spoilt(a_row(), [](auto& r) { r.entries[17].service = any_service - 1; }), limits));
  EXPECT_FALSE(valid(spoilt(a_row(), [](auto& r) { r.entries[0].service = 0; }), limits));
  EXPECT_FALSE(valid(spoilt(a_row(), [](auto& r) { r.entries[1].service = 1; }), limits)) << "twice the same";
  EXPECT_FALSE(valid(spoilt(a_row(), [](auto& r) { r.entries[0].service = any_service; }), limits)) << "it falls";
  EXPECT_TRUE(valid(spoilt(a_row(), [](auto& r) { r.entries[17].rule = max_rules - 1; }), limits));
  EXPECT_FALSE(valid(spoilt(a_row(), [](auto& r) { r.entries[17].rule = max_rules; }), limits));
  EXPECT_FALSE(valid(spoilt(a_row(), [](auto& r) { r.entries[17].audit_rule = max_rules; }), limits));
  EXPECT_FALSE(valid(RemoveSourceClass{.image = 1, .number = 0}, limits));
  EXPECT_FALSE(valid(RemoveSourceClass{.image = 1, .number = 16}, limits));
}

TEST(Validate, RefusesDestinationsThatCannotBe) {
  check_pieces(a_destination(), services_per_piece);
  EXPECT_TRUE(valid(spoilt(a_destination(), [](auto& d) { d.services[53] = max_services - 1; }), limits));
  EXPECT_FALSE(valid(spoilt(a_destination(), [](auto& d) { d.services[53] = max_services; }), limits));
  EXPECT_FALSE(valid(spoilt(a_destination(), [](auto& d) { d.services[53] = any_service; }), limits))
      << "a destination belongs to a service, not to all";
  EXPECT_FALSE(valid(spoilt(a_destination(), [](auto& d) { d.services[0] = 0; }), limits));
  EXPECT_FALSE(valid(spoilt(a_destination(), [](auto& d) { d.services[1] = 1; }), limits));
  EXPECT_FALSE(valid(RemoveDestinationClass{.image = 1, .number = 0}, limits));
  EXPECT_FALSE(valid(RemoveDestinationClass{.image = 1, .number = 16}, limits));
}

TEST(Validate, RefusesAccessThatCannotBe) {
  EXPECT_TRUE(valid(Access{}, limits)) << "nobody";
  EXPECT_TRUE(valid(spoilt(an_access(), [](auto& a) { a.source_class = 15; }), limits));
  EXPECT_FALSE(valid(spoilt(an_access(), [](auto& a) { a.source_class = 16; }), limits));
  EXPECT_FALSE(valid(spoilt(an_access(), [](auto& a) { a.step_count = max_access_steps + 1; }), limits));
  EXPECT_TRUE(valid(spoilt(an_access(), [](auto& a) { a.steps[3].next_class = 15; }), limits));
  EXPECT_FALSE(valid(spoilt(an_access(), [](auto& a) { a.steps[3].next_class = 16; }), limits));
  EXPECT_FALSE(valid(spoilt(an_access(), [](auto& a) { a.steps[3].not_after_ns = 2; }), limits)) << "two at once";
  EXPECT_FALSE(valid(spoilt(an_access(), [](auto& a) { a.steps[0].not_after_ns = 9; }), limits)) << "they fall";
  EXPECT_TRUE(valid(spoilt(an_access(),
                           [](auto& a) {
                             a.steps[3].next_class = 16;
                             a.step_count = 3;
                           }),
                    limits))
      << "what is not counted is not read";
}

TEST(Validate, RefusesAddressesAndPeersOutOfRange) {
  EXPECT_TRUE(valid(spoilt(an_address(), [](auto& a) { a.prefix = *IpPrefix::parse("0.0.0.0/0"); }), limits));
  EXPECT_FALSE(valid(spoilt(an_address(), [](auto& a) { a.prefix = {}; }), limits));
  EXPECT_FALSE(valid(spoilt(an_address(), [](auto& a) { a.prefix = *IpPrefix::parse("10.0.0.1/8"); }), limits));
  EXPECT_FALSE(valid(spoilt(an_address(), [](auto& a) { a.prefix.length = 33; }), limits));
  EXPECT_FALSE(valid(spoilt(an_address(), [](auto& a) { a.prefix.address.bytes[12] = 1; }), limits));
  EXPECT_FALSE(valid(spoilt(an_address(), [](auto& a) { a.access.source_class = 16; }), limits));
  EXPECT_FALSE(valid(spoilt(an_address(), [](auto& a) { a.destination_class = 16; }), limits));
  EXPECT_FALSE(valid(RemoveAddress{.image = 1, .prefix = *IpPrefix::parse("10.0.0.1/8")}, limits));
  EXPECT_FALSE(valid(RemoveAddress{.image = 1, .prefix = {}}, limits));
  EXPECT_FALSE(valid(spoilt(a_peer_access(), [](auto& p) { p.peer_id = 100; }), limits));
  EXPECT_FALSE(valid(spoilt(a_peer_access(), [](auto& p) { p.peer_id = no_peer; }), limits));
  EXPECT_FALSE(valid(spoilt(a_peer_access(), [](auto& p) { p.identity = 100; }), limits));
  EXPECT_FALSE(valid(spoilt(a_peer_access(), [](auto& p) { p.access.step_count = 5; }), limits));
  EXPECT_FALSE(valid(spoilt(a_peer_access(), [](auto& p) { p.destination_class = 16; }), limits));
}

TEST(Validate, RefusesListingsOutOfRange) {
  EXPECT_TRUE(valid(ListFlows{}, limits)) << "stop";
  EXPECT_TRUE(valid(spoilt(a_listing(), [](auto& l) { l.peer_id = 99; }), limits));
  EXPECT_TRUE(valid(spoilt(a_listing(), [](auto& l) { l.rule = max_rules - 1; }), limits));
  EXPECT_TRUE(valid(spoilt(a_listing(), [](auto& l) { l.address = *IpPrefix::parse("fd00::/8"); }), limits));
  EXPECT_FALSE(valid(spoilt(a_listing(), [](auto& l) { l.peer_id = 100; }), limits));
  EXPECT_FALSE(valid(spoilt(a_listing(), [](auto& l) { l.rule = max_rules; }), limits));
  EXPECT_FALSE(valid(spoilt(a_listing(), [](auto& l) { l.protocol = any_protocol + 1; }), limits));
  EXPECT_FALSE(valid(spoilt(a_listing(), [](auto& l) { l.address = *IpPrefix::parse("fd00::1/8"); }), limits));
  EXPECT_FALSE(valid(spoilt(a_listing(), [](auto& l) { l.address.address.family = IpFamily{5}; }), limits));
  EXPECT_FALSE(valid(spoilt(a_listing(), [](auto& l) { l.address.address.bytes[3] = 1; }), limits)) << "no family";
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

TEST(Validate, RefusesSessionsWithoutCipherOrEnd) {
  EXPECT_FALSE(valid(spoilt(a_session(), [](auto& s) { s.cipher = SessionCipher{0}; }), limits));
  EXPECT_FALSE(valid(spoilt(a_session(), [](auto& s) { s.cipher = SessionCipher{2}; }), limits));
  EXPECT_FALSE(valid(spoilt(a_session(), [](auto& s) { s.rules.reject_after_s = 0; }), limits));
  EXPECT_FALSE(valid(spoilt(a_session(), [](auto& s) { s.rules.reject_after_s = ~0U; }), limits));
  EXPECT_FALSE(valid(spoilt(a_session(), [](auto& s) { s.rules.rekey_after_packets = 0; }), limits));
  EXPECT_FALSE(valid(spoilt(a_session(), [](auto& s) { s.rules.reject_after_packets = 511; }), limits));
  EXPECT_TRUE(valid(spoilt(a_session(), [](auto& s) { s.rules.reject_after_packets = 512; }), limits));
  EXPECT_FALSE(valid(spoilt(a_session(), [](auto& s) { ++s.rules.reject_after_packets; }), limits));
  EXPECT_FALSE(valid(spoilt(a_session(), [](auto& s) { s.rules.replay_window = 63; }), limits));
  EXPECT_FALSE(valid(spoilt(a_session(), [](auto& s) { s.rules.replay_window = 8129; }), limits));
  EXPECT_FALSE(valid(spoilt(a_tunnel(), [](auto& t) { t.protocol = TunnelProtocol{0}; }), limits));
  EXPECT_FALSE(valid(spoilt(a_tunnel(), [](auto& t) { t.protocol = TunnelProtocol{2}; }), limits));
}

// A reader that believes valid(, limits) indexes tables by what passed it.
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
    if (valid(tunnel, limits)) { ASSERT_TRUE(tunnel.address_count <= max_addresses); }
    SetSourceClass row;
    fill(row);
    if (valid(row, limits)) { ASSERT_TRUE(row.number < 16 && row.count <= row_entries_per_piece); }
    SetDestinationClass list;
    fill(list);
    if (valid(list, limits)) { ASSERT_TRUE(list.number < 16 && list.count <= services_per_piece); }
    SetPeerAccess access;
    fill(access);
    if (valid(access, limits)) { ASSERT_TRUE(access.peer_id < 100 && access.identity < 100); }
  }
}

// --- statistics ---

TEST(Statistics, NoArrayOfTheSegmentTouchesAnother) {
  for (const std::uint32_t workers : {1U, 2U, max_workers}) {
    for (const std::uint32_t peers : {1U, 1000U, max_peers_limit}) {
      const auto layout = StatisticsLayout::of(workers, peers, 2048);
      const std::array<std::pair<std::size_t, std::size_t>, 8> arrays = {{
          {0, sizeof(StatisticsHeader)},
          {layout.counters, (1 + workers) * sizeof(CounterBlock)},
          {layout.workers, (1 + workers) * sizeof(WorkerStatus)},
          {layout.ports, max_ports * sizeof(PortStatus)},
          {layout.neighbours, max_neighbours_shown * sizeof(NeighbourStatus)},
          {layout.peers, peers * sizeof(PeerStatus)},
          {layout.sessions, 2048 * sizeof(SessionStatus)},
          {layout.rules, std::size_t{workers} * max_rules * sizeof(RuleCounters)},
      }};
      std::size_t end = 0;
      for (const auto& [offset, bytes] : arrays) {
        EXPECT_GE(offset, end);
        EXPECT_EQ(offset % cache_line_bytes, 0U);
        EXPECT_LT(offset - end, cache_line_bytes) << "no room is lost";
        end = offset + bytes;
      }
      EXPECT_GE(layout.total, end);
      EXPECT_LT(layout.total, end + cache_line_bytes);
    }
  }
}

TEST(Statistics, ARuleIsTheSumOfItsWorkers) {
  const auto layout = StatisticsLayout::of(3, 1, 1);
  const auto segment = Segment::create("rules", layout.total, Segment::OtherSide::reads_only);
  ASSERT_TRUE(segment) << segment.error();
  auto* rules = segment->at<RuleCounters>(layout.rules);
  for (std::uint32_t worker = 0; worker < 3; ++worker) {
    RuleCounters& counters = rules[std::size_t{worker} * max_rules + max_rules - 1];
    counters.allowed_packets.store(1);
    counters.allowed_bytes.store(10 * (worker + 1));
    counters.denied_packets.store(worker);
    counters.limited_packets.store(100);
  }
  const StatisticsView view(*segment, 3, 1, 1);
  const auto sum = view.rule(max_rules - 1);
  EXPECT_EQ(sum.allowed_packets, 3U);
  EXPECT_EQ(sum.allowed_bytes, 60U);
  EXPECT_EQ(sum.denied_packets, 3U);
  EXPECT_EQ(sum.limited_packets, 300U);
  EXPECT_EQ(view.rule(0).allowed_packets, 0U);
  EXPECT_EQ(view.rule(max_rules - 2).allowed_packets, 0U);
}

TEST(Refusals, EachHasAnExplanation) {
  for (unsigned reason = 1; reason < static_cast<unsigned>(Refusal::count); ++reason)
    EXPECT_NE(to_string(static_cast<Refusal>(reason)), "unknown refusal");
  EXPECT_EQ(to_string(static_cast<Refusal>(200)), "unknown refusal");
}

}  // namespace
}  // namespace sallyport::abi::messages_test
