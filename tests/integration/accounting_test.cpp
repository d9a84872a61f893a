// received + originated = sent + punted + consumed + merged + dropped + held, after traffic of every kind; at rest held
// is 0 and every buffer is back in its pool (the fixture looks); and the next valid packet passes.
#include "config/base/clock.hpp"
#include "tests/integration/fixture.hpp"
#include "tests/integration/traffic.hpp"

namespace sallyport::integration {
namespace {

class Accounting : public IntegrationTest, public testing::WithParamInterface<std::uint64_t> {
 protected:
  // A new session each way, so that a counter which random traffic moved far ahead does not matter.
  void expect_that_traffic_still_passes() {
    lab->answers_neighbours = true;
    lab->advance(2 * second_ns);
    // What random traffic taught of neighbours may be wrong; the stations say who they are.
    for (const char* address : {"10.0.0.7", "10.0.0.9"})
      lab->put(lan, arp_frame(1, far_mac(lan), ip(address), {}, ip("10.0.0.1"), broadcast_mac));
    for (WireguardPeer* peer : {&lab->ann, &lab->bob}) lab->give_session(*peer);
    static_cast<void>(lab->sent());
    for (WireguardPeer* peer : {&lab->ann, &lab->bob}) {
      lab->put_inner(*peer, udp_packet(peer->v4, ip("10.0.0.7"), 33));
      EXPECT_FALSE(lab->only_packet(lan).empty()) << lab->drops();
    }
  }
};

TEST_P(Accounting, HoldsForTrafficOfEveryKind) {
  RandomTraffic traffic(*lab, GetParam());
  constexpr unsigned packets = 6000;
  for (unsigned i = 0; i < packets; ++i) {
    if (!traffic.put_one()) lab->settle();
    if (i % 61 == 0) lab->turn();  // turns that find a burst
    if (i % 997 == 0) {
      lab->advance(100 * millisecond_ns);
      EXPECT_EQ(lab->packets_in() >= lab->packets_out(), true);
    }
  }
  lab->settle();
  EXPECT_GT(lab->counter(Counter::received), packets / 2);
  EXPECT_GT(lab->counter(Counter::sent), 100U);
  unsigned reasons = 0;
  for (unsigned reason = 0; reason < abi::drop_reason_count; ++reason)
    reasons += lab->dropped(static_cast<DropReason>(reason)) != 0 ? 1 : 0;
  EXPECT_GT(reasons, 20U) << "the traffic was of every kind: " << lab->drops();
  expect_that_traffic_still_passes();
}

INSTANTIATE_TEST_SUITE_P(Seeds, Accounting, testing::Range<std::uint64_t>(1, 9));

TEST_F(Accounting, HoldsWhileACaptureTakesEverything) {
  lab->control->push(abi::SetCapture{.capture_id = 1,
                                     .peer_id = abi::no_peer,
                                     .max_packets = 1'000'000,
                                     .snap_bytes = 2000,
                                     .points = 31,
                                     .port_index = abi::no_port,
                                     .any_drop_reason = 1});
  RandomTraffic traffic(*lab, 4711);
  for (unsigned i = 0; i < 4000; ++i) {
    if (!traffic.put_one()) lab->settle();
    if (i % 50 == 0) {
      lab->settle();
      while (lab->control->take_captured()) {}
    }
  }
  EXPECT_GT(lab->counter(Counter::captured), 1000U);
}

TEST_F(Accounting, HoldsWhenTheWorldChangesUnderTraffic) {
  RandomTraffic traffic(*lab, 99);
  std::mt19937_64 random(5);
  for (unsigned round = 0; round < 300; ++round) {
    for (unsigned i = 0; i < 20; ++i) traffic.put_one();
    WireguardPeer& peer = random() % 2 == 0 ? lab->ann : lab->bob;
    switch (random() % 8) {
      case 0:
        lab->control->push(abi::RemovePeer{.peer_id = peer.id, .key = peer.public_key});
        break;
      case 1:
        lab->add_peer(peer);
        break;
      case 2:
        lab->give_session(peer, random() % 2 == 0 ? abi::HandshakeRole::initiator : abi::HandshakeRole::responder);
        break;
      case 3:
        lab->control->push(abi::RetireSession{.index = peer.gateway_index, .session_id = peer.session_id});
        break;
      case 4:
        lab->control->push(abi::SetCookieSecrets{.current = {static_cast<std::uint8_t>(round)}});
        break;
      case 5:
        lab->control->push(abi::SetRoute{
            .prefix = *IpPrefix::parse("203.0.113.0/24"), .route_kind = abi::RouteKind::via, .via = ip("10.0.0.250")});
        break;
      case 6:
        lab->control->push(abi::RemoveRoute{.prefix = *IpPrefix::parse("203.0.113.0/24")});
        break;
      case 7:
        lab->answers_neighbours = !lab->answers_neighbours;
        lab->advance(700 * millisecond_ns);
        break;
    }
    lab->turn();
  }
  for (WireguardPeer* peer : {&lab->ann, &lab->bob}) lab->add_peer(*peer);
  expect_that_traffic_still_passes();
}

}  // namespace
}  // namespace sallyport::integration
