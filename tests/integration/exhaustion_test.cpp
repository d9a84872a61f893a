// Everything full: buffers, cables, queues, links that are down. Counted, and over when it is over.
#include <rte_ethdev.h>

#include "config/base/clock.hpp"
#include "tests/integration/fixture.hpp"

namespace sallyport::integration {
namespace {

class Exhaustion : public IntegrationTest {
 protected:
  [[nodiscard]] Bytes from_ann() { return udp_packet(lab->ann.v4, ip("10.0.0.7"), 20); }
  // Every buffer that is left in the two pools.
  void take_all_buffers() {
    for (rte_mempool* pool : {&lab->gateway->pools().packets(), &lab->gateway->pools().large()})
      while (rte_mbuf* mbuf = rte_pktmbuf_alloc(pool)) taken_.push_back(mbuf);
  }
  void give_back() {
    rte_pktmbuf_free_bulk(taken_.data(), static_cast<unsigned>(taken_.size()));
    taken_.clear();
  }
  std::vector<rte_mbuf*> taken_;
};

TEST_F(Exhaustion, OfBuffersIsCountedAndForwardingGoesOn) {
  // Each of these needs a buffer that is not there.
  for (const Bytes& piece :
       fragments_of(udp_packet(lab->ann.endpoint, lab->gateway_endpoint(IpFamily::v4), lab->ann.seal(from_ann())), 64))
    lab->put_packet(wan, piece);
  take_all_buffers();
  lab->worker().run_once();
  EXPECT_EQ(newly_dropped(DropReason::no_buffer), 1U) << "the whole of the fragments";
  give_back();

  lab->put_packet(lan, udp_packet(ip("10.0.0.7"), lab->ann.v4, 1500 - 28));
  take_all_buffers();
  lab->worker().run_once();
  EXPECT_EQ(newly_dropped(DropReason::no_buffer), 1U) << "fragments of an inner packet";
  give_back();

  lab->put_inner(lab->ann, udp_packet(lab->ann.v4, ip("203.0.113.1"), 20));
  lab->worker().run_once();
  take_all_buffers();
  lab->turn();
  EXPECT_EQ(newly_dropped(DropReason::no_buffer), 1U) << "an ICMP error";
  give_back();

  for (int i = 0; i < 10; ++i) lab->put_inner(lab->ann, from_ann());
  take_all_buffers();
  lab->settle();
  give_back();
  EXPECT_EQ(lab->sent().size(), 10U) << "what needs no new buffer";
  lab->put_inner(lab->ann, udp_packet(lab->ann.v4, ip("203.0.113.1"), 20));
  EXPECT_TRUE(lab->only_inner(lab->ann)) << "and errors are told again";
}

TEST_F(Exhaustion, OfACableIsCounted) {
  std::size_t sent = 0;
  for (int burst = 0; burst < 60; ++burst) {
    for (int i = 0; i < 64; ++i) lab->put_inner(lab->ann, from_ann());
    lab->worker().run_once();  // and nobody takes anything from the cable
    ++sent;
  }
  EXPECT_GT(lab->dropped(DropReason::transmit_full), 0U);
  static_cast<void>(lab->sent());
  lab->put_inner(lab->ann, from_ann());
  EXPECT_FALSE(lab->only_packet(lan).empty());
}

TEST_F(Exhaustion, OfHousekeepingsPatienceIsCounted) {
  // A worker alone: housekeeping does not run, its rings fill.
  for (int burst = 0; burst < 40; ++burst) {
    for (int i = 0; i < 64; ++i) lab->put_packet(lan, echo_request(ip("10.0.0.7"), ip("10.0.0.1")));
    lab->worker().run_once();
  }
  EXPECT_GT(lab->dropped(DropReason::own_address_rate), 0U);
  lab->put_inner(lab->ann, from_ann());
  lab->worker().run_once();
  bool passed = false;
  for (const Frame& frame : lab->sent()) passed |= frame.device == lan && get16(frame.bytes, 16) == 48;
  EXPECT_TRUE(passed) << "traffic does not wait for it";
}

TEST_F(Exhaustion, OfALinkIsCountedUntilItIsBack) {
  const std::uint16_t ethdev = lab->gateway->tables().devices[lan]->ethdev();
  rte_eth_dev_set_link_down(ethdev);
  lab->advance(1100 * millisecond_ns);
  lab->put_inner(lab->ann, from_ann());
  EXPECT_TRUE(lab->sent().empty());
  EXPECT_EQ(lab->dropped(DropReason::port_down), 1U);
  const auto down = lab->control->events_of<abi::LinkChanged>();
  ASSERT_EQ(down.size(), 1U);
  EXPECT_EQ(down[0].port_index, lan);
  EXPECT_EQ(down[0].up, 0U);
  rte_eth_dev_set_link_up(ethdev);
  lab->advance(1100 * millisecond_ns);
  lab->put_inner(lab->ann, from_ann());
  EXPECT_FALSE(lab->only_packet(lan).empty());
}

TEST_F(Exhaustion, OfLongFramesIsNothingSpecial) {
  lab->put(wan, Bytes(5000, 0x45));
  lab->put(lan, ethernet(port_mac(lan), far_mac(lan), type_ipv4, udp_packet(ip("10.0.0.7"), lab->ann.v4, 4000)));
  lab->settle();
  EXPECT_EQ(lab->counter(Counter::received), newly(Counter::received));
  lab->put_inner(lab->ann, from_ann());
  lab->settle();
  static_cast<void>(lab->sent());
}

}  // namespace
}  // namespace sallyport::integration
