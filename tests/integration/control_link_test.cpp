// The control plane comes, commands, goes and comes again.
#include <unistd.h>

#include "config/base/clock.hpp"
#include "tests/integration/fixture.hpp"

namespace sallyport::integration {
namespace {

class ControlLink : public IntegrationTest {
 protected:
  [[nodiscard]] bool ann_passes() {
    lab->put_inner(lab->ann, udp_packet(lab->ann.v4, ip("10.0.0.7"), 20));
    bool passed = false;
    for (const Frame& frame : lab->sent()) passed |= frame.device == lan;
    return passed;
  }
  template <typename Payload>
  [[nodiscard]] abi::Refusal refusal_of(const Payload& payload) {
    const std::uint64_t sequence = lab->control->push(payload);
    lab->settle();
    EXPECT_EQ(lab->gateway->statistics().header().applied_sequence.load(), sequence);
    return lab->control->refusal_of(sequence);
  }
};

TEST_F(ControlLink, TellsWhoTheDataplaneIs) {
  const auto& header = lab->gateway->statistics().header();
  EXPECT_EQ(lab->control->hello.boot_id, header.boot_id);
  EXPECT_EQ(lab->control->hello.max_sessions, 2048U);
  EXPECT_EQ(lab->control->hello.worker_count, 1U);
  EXPECT_EQ(lab->control->hello.version, abi::version);
}

TEST_F(ControlLink, GivesTheStatisticsToReadOnly) {
  const int descriptor = lab->control->segment(abi::HelloDescriptor::statistics).descriptor();
  EXPECT_FALSE(abi::Segment::map(abi::FileDescriptor(dup(descriptor)),
                                 lab->control->segment(abi::HelloDescriptor::statistics).size(), true));
}

TEST_F(ControlLink, AdmitsOneControlPlaneAtATime) {
  ControlPlane second(lab->socket_path);
  lab->advance(10 * millisecond_ns);
  EXPECT_FALSE(second.adopt());
  EXPECT_TRUE(lab->control->is_connected());
  EXPECT_TRUE(ann_passes());
}

TEST_F(ControlLink, MakesItsSocketAgainWhenSomebodyRemovedIt) {
  ASSERT_EQ(unlink(lab->socket_path.c_str()), 0);
  lab->advance(1100 * millisecond_ns);
  EXPECT_TRUE(lab->control->is_connected()) << "the one that is there stays";
  EXPECT_TRUE(ann_passes());
  lab->disconnect();
  lab->connect();
  EXPECT_TRUE(lab->control->is_connected());
  EXPECT_TRUE(ann_passes());
}

TEST_F(ControlLink, LetsNoOtherDataplaneListenAtItsSocket) {
  const auto other = sallyport::dataplane::ControlLink::listen(
      {.socket_path = lab->socket_path, .extra_uid = {}, .hello = {}, .statistics = nullptr});
  ASSERT_FALSE(other.has_value());
  EXPECT_NE(other.error().find("another dataplane runs"), std::string::npos) << other.error();
  lab->disconnect();
  lab->connect();
  EXPECT_TRUE(ann_passes());
}

TEST_F(ControlLink, KeepsEverythingWhenTheControlPlaneDies) {
  lab->disconnect();
  EXPECT_TRUE(ann_passes());
  lab->put_packet(lan, udp_packet(ip("10.0.0.7"), lab->ann.v4, 20));
  EXPECT_TRUE(lab->only_inner(lab->ann));
  lab->connect();
  EXPECT_TRUE(ann_passes());
  const auto status = lab->gateway->statistics().peer(lab->ann.id);
  ASSERT_TRUE(status);
  EXPECT_EQ(status->live, 1U) << "there to be adopted";
  EXPECT_EQ(status->current_index, lab->ann.gateway_index);
  EXPECT_EQ(refusal_of(lab->peer_command(lab->ann)), abi::Refusal::none) << "commands count from 1 again";
  EXPECT_TRUE(ann_passes());
}

TEST_F(ControlLink, RaisesAgainWhatANewControlPlaneCannotKnow) {
  lab->control->push(abi::RetireSession{.index = lab->ann.gateway_index, .session_id = lab->ann.session_id});
  lab->settle();
  lab->put_packet(lan, udp_packet(ip("10.0.0.7"), lab->ann.v4, 20));
  lab->settle();
  ASSERT_EQ(lab->control->events_of<abi::SessionWanted>().size(), 1U);
  lab->disconnect();
  lab->connect();
  lab->settle();
  const auto wanted = lab->control->events_of<abi::SessionWanted>();
  ASSERT_EQ(wanted.size(), 1U);
  EXPECT_EQ(wanted[0].peer_id, lab->ann.id);
}

TEST_F(ControlLink, RemovesAtTheEndOfASyncWhatWasNotNamed) {
  lab->control->push(abi::BeginSync{.sync_id = 7});
  lab->control->push(lab->tunnel());
  lab->add_peer(lab->ann);
  lab->settle();
  EXPECT_TRUE(lab->gateway->statistics().peer(lab->bob.id)->live) << "not yet";
  lab->control->push(abi::EndSync{.sync_id = 7});
  lab->settle();
  EXPECT_EQ(lab->gateway->statistics().peer(lab->bob.id)->live, 0U);
  const auto ended = lab->control->events_of<abi::SessionEnded>();
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_EQ(ended[0].index, lab->bob.gateway_index);
  EXPECT_TRUE(ann_passes()) << "named: not a packet lost";
  lab->control->push(abi::BeginSync{.sync_id = 8});
  lab->control->push(abi::EndSync{.sync_id = 8});
  lab->settle();
  EXPECT_FALSE(ann_passes());
  lab->advance(1100 * millisecond_ns);
  EXPECT_EQ(lab->gateway->statistics().header().live_peers.load(), 0U);
  EXPECT_EQ(lab->gateway->statistics().header().live_sessions.load(), 0U);
}

TEST_F(ControlLink, RefusesCommandsAndSaysWhy) {
  using abi::Refusal;
  abi::SetTunnel tunnel = lab->tunnel();
  tunnel.tunnel_id = 1;
  EXPECT_EQ(refusal_of(tunnel), Refusal::conflict) << "the listen port is tunnel 0's";
  tunnel.listen_port = 51821;
  EXPECT_EQ(refusal_of(tunnel), Refusal::conflict) << "so are the addresses";
  tunnel.addresses[0] = *IpPrefix::parse("10.0.0.1/24");
  tunnel.address_count = 1;
  EXPECT_EQ(refusal_of(tunnel), Refusal::conflict) << "a port's address";
  tunnel.mtu = 100;
  EXPECT_EQ(refusal_of(tunnel), Refusal::bad_value);
  tunnel.mtu = 1420;
  tunnel.tunnel_id = abi::max_tunnels;
  EXPECT_EQ(refusal_of(tunnel), Refusal::bad_value);
  EXPECT_EQ(refusal_of(abi::RemoveTunnel{.tunnel_id = 0}), Refusal::tunnel_in_use);
  EXPECT_EQ(refusal_of(abi::RemoveTunnel{.tunnel_id = 5}), Refusal::none) << "gone already";

  abi::SetPeer peer = lab->peer_command(lab->ann);
  peer.tunnel_id = 9;
  EXPECT_EQ(refusal_of(peer), Refusal::unknown_tunnel);
  peer = lab->peer_command(lab->ann);
  peer.peer_id = 1024;
  EXPECT_EQ(refusal_of(peer), Refusal::bad_value);
  abi::SetPeerAccess access{.image = lab->image(), .peer_id = lab->ann.id};
  EXPECT_EQ(refusal_of(access), Refusal::no_such_image) << "everything is allowed, so nobody has an access";
  access.access.source_class = 64;
  EXPECT_EQ(refusal_of(access), Refusal::bad_value);
  EXPECT_EQ(refusal_of(abi::CommitPolicy{.image = 99}), Refusal::no_such_image);

  abi::SetRoute route = lab->route_to(*IpPrefix::parse("10.60.0.0/16"), lab->ann);
  route.peer_id = 77;
  EXPECT_EQ(refusal_of(route), Refusal::unknown_peer);
  route.prefix = *IpPrefix::parse("10.60.0.1/16");
  EXPECT_EQ(refusal_of(route), Refusal::bad_value);
  EXPECT_EQ(refusal_of(lab->route_to(*IpPrefix::parse("10.0.0.1/32"), lab->ann)), Refusal::conflict);
  EXPECT_EQ(refusal_of(lab->route_to(*IpPrefix::parse("10.8.0.1/32"), lab->ann)), Refusal::conflict);
  EXPECT_EQ(refusal_of(lab->route_to(*IpPrefix::parse("10.0.0.0/24"), lab->ann)), Refusal::conflict)
      << "a port's connected prefix";
  EXPECT_EQ(
      refusal_of(abi::SetRoute{
          .prefix = *IpPrefix::parse("10.61.0.0/16"), .route_kind = abi::RouteKind::via, .via = ip("172.16.0.1")}),
      Refusal::route_unreachable);

  abi::InstallSession install = lab->new_session(lab->ann, abi::HandshakeRole::initiator);
  abi::InstallSession bad = install;
  bad.created_at_ns -= 181 * second_ns;
  EXPECT_EQ(refusal_of(bad), Refusal::bad_value);
  bad = install;
  bad.index = 0;
  EXPECT_EQ(refusal_of(bad), Refusal::bad_value);
  bad = install;
  bad.peer_id = 500;
  EXPECT_EQ(refusal_of(bad), Refusal::unknown_peer);
  bad = install;
  bad.endpoint.address = ip("224.0.0.1");
  EXPECT_EQ(refusal_of(bad), Refusal::bad_value);
  EXPECT_EQ(refusal_of(abi::EndSync{.sync_id = 3}), Refusal::bad_value);

  abi::Command unknown = abi::make_command(lab->control->next_sequence(), abi::EndSync{});
  unknown.header.kind = static_cast<abi::CommandKind>(999);
  const std::uint64_t sequence = lab->control->push_slot(unknown);
  lab->settle();
  EXPECT_EQ(lab->control->refusal_of(sequence), Refusal::bad_header);
  abi::Command size = abi::make_command(lab->control->next_sequence(), lab->tunnel());
  size.header.payload_bytes = 8;
  const std::uint64_t another = lab->control->push_slot(size);
  lab->settle();
  EXPECT_EQ(lab->control->refusal_of(another), Refusal::bad_header);
}

TEST_F(ControlLink, EndsWhenCommandsAreOutOfOrder) {
  lab->control->push_slot(abi::make_command(lab->control->next_sequence() + 1, abi::EndSync{}));
  lab->settle();
  EXPECT_FALSE(lab->control->is_connected());
  EXPECT_TRUE(ann_passes());
  lab->connect();
  EXPECT_EQ(refusal_of(lab->peer_command(lab->ann)), abi::Refusal::none);
}

TEST_F(ControlLink, CountsEventsThatFindTheRingFull) {
  lab->control->collect_events();
  const std::uint64_t wrong = lab->gateway->statistics().header().applied_sequence.load();
  EXPECT_GT(wrong, 0U);
  for (unsigned i = 0; i < abi::event_ring_slots + 100; ++i) {
    while (lab->control->push(abi::EndSync{.sync_id = 1}) == 0) lab->settle();
    if (i % 256 == 255) lab->settle();
  }
  lab->settle();
  EXPECT_EQ(lab->counter(Counter::events_lost), 100U);
  EXPECT_TRUE(ann_passes());
  lab->control->events.clear();
  EXPECT_EQ(lab->control->events_of<abi::CommandRefused>().size(), abi::event_ring_slots);
}

TEST_F(ControlLink, RemovesAPeerOnlyByItsKey) {
  PublicKey other{};
  EXPECT_EQ(refusal_of(abi::RemovePeer{.peer_id = lab->ann.id, .key = other}), abi::Refusal::none);
  EXPECT_TRUE(ann_passes());
}

TEST_F(ControlLink, TakesASetWithAnotherKeyAsAnotherPeer) {
  abi::SetPeer set = lab->peer_command(lab->ann);
  set.key[0] ^= 1;
  EXPECT_EQ(refusal_of(set), abi::Refusal::none);
  EXPECT_EQ(lab->control->events_of<abi::SessionEnded>().size(), 1U);
  EXPECT_FALSE(ann_passes());
}

TEST_F(ControlLink, LetsAPeerChangeItsKeyAndKeepEverything) {
  abi::InstallSession install = lab->new_session(lab->ann, abi::HandshakeRole::responder);
  install.wireguard.timestamp = {0x40, 9};
  EXPECT_EQ(refusal_of(install), abi::Refusal::none);
  EXPECT_TRUE(ann_passes());
  const auto before = lab->gateway->statistics().peer(lab->ann.id);
  lab->control->events.clear();
  const PublicKey former = lab->ann.public_key;
  abi::SetPeer set = lab->peer_command(lab->ann);
  set.endpoint = {};
  set.former_key = former;
  set.key[0] ^= 1;
  set.history.greatest_timestamp = {0x40, 1};
  set.history.set_at_ns = 5;
  EXPECT_EQ(refusal_of(set), abi::Refusal::none);
  auto after = lab->gateway->statistics().peer(lab->ann.id);
  EXPECT_EQ(after->key, set.key) << "written at once";
  EXPECT_EQ(after->history.greatest_timestamp, set.history.greatest_timestamp) << "lower, but of the new key";
  EXPECT_EQ(after->history.set_at_ns, 5U);
  EXPECT_EQ(after->endpoint, before->endpoint);
  EXPECT_EQ(after->current_index, lab->ann.gateway_index);
  EXPECT_TRUE(ann_passes());
  EXPECT_TRUE(lab->control->events_of<abi::SessionEnded>().empty());
  lab->advance(300 * millisecond_ns);
  EXPECT_GE(lab->gateway->statistics().peer(lab->ann.id)->rx_packets, before->rx_packets + 1) << "it counts on";

  set.history.greatest_timestamp = {};
  EXPECT_EQ(refusal_of(set), abi::Refusal::none) << "again: the same key by now";
  after = lab->gateway->statistics().peer(lab->ann.id);
  EXPECT_EQ(after->history.greatest_timestamp, (abi::Tai64n{0x40, 1}));
  EXPECT_EQ(refusal_of(abi::RemovePeer{.peer_id = lab->ann.id, .key = former}), abi::Refusal::none);
  EXPECT_TRUE(ann_passes()) << "a removal by the former key is late";
  EXPECT_EQ(refusal_of(abi::RemovePeer{.peer_id = lab->ann.id, .key = set.key}), abi::Refusal::none);
  EXPECT_FALSE(ann_passes());
}

TEST_F(ControlLink, TakesNoFormerKeyThatThePeerDoesNotHave) {
  abi::SetPeer set = lab->peer_command(lab->ann);
  set.former_key = lab->bob.public_key;
  set.key[0] ^= 1;
  EXPECT_EQ(refusal_of(set), abi::Refusal::none);
  EXPECT_EQ(lab->control->events_of<abi::SessionEnded>().size(), 1U);
  EXPECT_FALSE(ann_passes());
}

TEST_F(ControlLink, KeepsSessionsWhenAPeerIsSetAgain) {
  abi::SetPeer set = lab->peer_command(lab->ann);
  set.persistent_keepalive_s = 30;
  EXPECT_EQ(refusal_of(set), abi::Refusal::none);
  EXPECT_EQ(refusal_of(lab->tunnel()), abi::Refusal::none);
  EXPECT_TRUE(ann_passes());
  EXPECT_TRUE(lab->control->events_of<abi::SessionEnded>().empty());
}

TEST_F(ControlLink, RemembersTheGreatestTimestamp) {
  abi::InstallSession install = lab->new_session(lab->ann, abi::HandshakeRole::responder);
  install.wireguard.timestamp = {0x40, 0, 0, 1};
  EXPECT_EQ(refusal_of(install), abi::Refusal::none);
  abi::InstallSession older = lab->new_session(lab->ann, abi::HandshakeRole::responder);
  older.wireguard.timestamp = {0x40};
  EXPECT_EQ(refusal_of(older), abi::Refusal::none);
  lab->advance(300 * millisecond_ns);
  EXPECT_EQ(lab->gateway->statistics().peer(lab->ann.id)->history.greatest_timestamp, install.wireguard.timestamp);
  EXPECT_EQ(refusal_of(abi::ForgetTimestamp{.peer_id = lab->ann.id}), abi::Refusal::none);
  EXPECT_EQ(lab->gateway->statistics().peer(lab->ann.id)->history.greatest_timestamp, abi::Tai64n{});
}

TEST_F(ControlLink, GivesTheCheckpointsBackToTheNextControlPlane) {
  auto* bytes = lab->control->segment(abi::HelloDescriptor::checkpoints).at<std::uint8_t>();
  bytes[12345] = 0x5a;
  lab->disconnect();
  lab->connect();
  EXPECT_EQ(lab->control->segment(abi::HelloDescriptor::checkpoints).at<std::uint8_t>()[12345], 0x5a);
}

TEST_F(ControlLink, SendsUnderlayTrafficByItsRoutes) {
  WireguardPeer far = lab->ann;
  far.id = 9;
  far.endpoint = *IpEndpoint::parse("203.0.113.5:5");
  far.v4 = ip("10.8.0.9");
  far.v6 = ip("fd08::9");
  far.public_key[9] ^= 1;
  EXPECT_EQ(
      refusal_of(abi::SetRoute{
          .prefix = *IpPrefix::parse("203.0.113.0/24"), .route_kind = abi::RouteKind::via, .via = ip("192.0.2.200")}),
      abi::Refusal::none);
  lab->answers_neighbours = false;
  lab->add_peer(far);
  lab->give_session(far);
  EXPECT_EQ(asked_for(lab->only_frame(wan)), ip("192.0.2.200"));
}

TEST_F(ControlLink, SendsInsideTrafficByItsRoutes) {
  EXPECT_EQ(
      refusal_of(abi::SetRoute{
          .prefix = *IpPrefix::parse("172.20.0.0/16"), .route_kind = abi::RouteKind::via, .via = ip("10.0.0.250")}),
      abi::Refusal::none);
  lab->put_inner(lab->ann, udp_packet(lab->ann.v4, ip("172.20.3.4"), 20));
  EXPECT_FALSE(lab->only_packet(lan).empty()) << lab->drops();
  EXPECT_EQ(refusal_of(abi::RemoveRoute{.prefix = *IpPrefix::parse("172.20.0.0/16")}), abi::Refusal::none);
  lab->put_inner(lab->ann, udp_packet(lab->ann.v4, ip("172.20.3.4"), 20));
  lab->settle();
  EXPECT_EQ(lab->dropped(DropReason::no_route), 1U);
}

// --- captures ---

class Capture : public ControlLink {};

TEST_F(Capture, CopiesWhatTheFilterWants) {
  EXPECT_EQ(refusal_of(abi::SetCapture{.capture_id = 5,
                                       .peer_id = lab->ann.id,
                                       .max_packets = 100,
                                       .snap_bytes = 2000,
                                       .points = 2 | 4,
                                       .port_index = abi::no_port,
                                       .any_drop_reason = 1}),
            abi::Refusal::none);
  const Bytes inner = udp_packet(lab->ann.v4, ip("10.0.0.7"), 20);
  lab->put_inner(lab->ann, inner);
  lab->put_inner(lab->bob, udp_packet(lab->bob.v4, ip("10.0.0.7"), 20));
  EXPECT_EQ(lab->sent().size(), 2U);
  const auto received = lab->control->take_captured();
  ASSERT_TRUE(received);
  EXPECT_EQ(received->capture_id, 5U);
  EXPECT_EQ(received->point, abi::CapturePoint::inner_received);
  EXPECT_EQ(received->peer_id, lab->ann.id);
  EXPECT_EQ(received->link_type, 1U);
  EXPECT_EQ(Bytes(received->data.begin(), received->data.begin() + received->captured_bytes), inner);
  const auto sent = lab->control->take_captured();
  ASSERT_TRUE(sent);
  EXPECT_EQ(sent->point, abi::CapturePoint::inner_sent);
  EXPECT_EQ(sent->port_index, lan);
  EXPECT_FALSE(lab->control->take_captured()) << "bob is not ann";
}

TEST_F(Capture, CopiesTheOuterFramesOfAPort) {
  EXPECT_EQ(refusal_of(abi::SetCapture{.capture_id = 6,
                                       .peer_id = abi::no_peer,
                                       .max_packets = 100,
                                       .snap_bytes = 40,
                                       .points = 1 | 8,
                                       .port_index = wan,
                                       .any_drop_reason = 1}),
            abi::Refusal::none);
  lab->put_inner(lab->ann, udp_packet(lab->ann.v4, lab->bob.v4, 200));
  const std::vector<Frame> frames = lab->sent();
  ASSERT_EQ(frames.size(), 1U);
  const auto in = lab->control->take_captured(), out = lab->control->take_captured();
  ASSERT_TRUE(in && out);
  EXPECT_EQ(in->point, abi::CapturePoint::outer_received);
  EXPECT_EQ(out->point, abi::CapturePoint::outer_sent);
  EXPECT_EQ(out->captured_bytes, 40U);
  EXPECT_EQ(out->original_bytes, frames[0].bytes.size());
  EXPECT_TRUE(std::equal(out->data.begin(), out->data.begin() + 40, frames[0].bytes.begin()));
}

TEST_F(Capture, CopiesDropsForOneReasonAndEndsByItself) {
  EXPECT_EQ(refusal_of(abi::SetCapture{.capture_id = 7,
                                       .peer_id = abi::no_peer,
                                       .max_packets = 3,
                                       .snap_bytes = 100,
                                       .points = 16,
                                       .port_index = abi::no_port,
                                       .any_drop_reason = 0,
                                       .drop_reason = DropReason::authentication_failed}),
            abi::Refusal::none);
  for (int i = 0; i < 10; ++i) {
    Bytes broken = lab->ann.seal(udp_packet(lab->ann.v4, ip("10.0.0.7"), 20));
    broken.back() ^= 1;
    lab->put_message(lab->ann.endpoint, broken);
    lab->put_message(lab->ann.endpoint, Bytes(40));
  }
  lab->settle();
  unsigned copies = 0;
  while (const auto copy = lab->control->take_captured()) {
    ++copies;
    EXPECT_EQ(copy->drop_reason, DropReason::authentication_failed);
    EXPECT_EQ(copy->data[0] >> 4, 4) << "with its outer header";
  }
  EXPECT_EQ(copies, 3U);
  EXPECT_EQ(lab->gateway->statistics().header().capture_remaining.load(), 0U);
}

TEST_F(Capture, NeverSlowsTrafficWhenItsRingIsFull) {
  EXPECT_EQ(refusal_of(abi::SetCapture{.capture_id = 8,
                                       .peer_id = abi::no_peer,
                                       .max_packets = 1'000'000,
                                       .snap_bytes = 2000,
                                       .points = 31,
                                       .port_index = abi::no_port,
                                       .any_drop_reason = 1}),
            abi::Refusal::none);
  std::size_t out = 0;
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 50; ++i) lab->put_inner(lab->ann, udp_packet(lab->ann.v4, ip("10.0.0.7"), 20));
    out += lab->sent().size();
  }
  EXPECT_EQ(out, 1000U);
  EXPECT_GT(lab->counter(Counter::capture_lost), 0U);
  EXPECT_EQ(lab->counter(Counter::captured), abi::capture_ring_slots);
}

TEST_F(Capture, EndsWithItsControlPlane) {
  EXPECT_EQ(refusal_of(abi::SetCapture{.capture_id = 9,
                                       .peer_id = abi::no_peer,
                                       .max_packets = 100,
                                       .snap_bytes = 100,
                                       .points = 31,
                                       .port_index = abi::no_port,
                                       .any_drop_reason = 1}),
            abi::Refusal::none);
  lab->disconnect();
  EXPECT_TRUE(ann_passes());
  EXPECT_EQ(lab->gateway->tables().capture.points.load(), 0U);
}

}  // namespace
}  // namespace sallyport::integration
