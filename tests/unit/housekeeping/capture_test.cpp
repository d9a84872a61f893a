#include "dataplane/housekeeping/capture_control.hpp"

#include "tests/unit/housekeeping/lab.hpp"

namespace sallyport::dataplane::capture_test {
namespace {

using abi::CapturePoint;

class CaptureTest : public Lab {
 protected:
  void SetUp() override {
    Lab::SetUp();
    connect();
    pool = create_capture_pool(1);
    ASSERT_NE(pool, nullptr);
    tap = CaptureTap::create(gateway->capture_filter, *pool, *gateway->counters, 0);
    ASSERT_NE(tap, nullptr);
    control = std::make_unique<CaptureControl>(*gateway->context, gateway->header, std::vector{tap.get()});
    packet = received(wan, ethernet(wan_mac, other_mac, EtherType::ipv4,
                                    udp(address("203.0.113.9"), address("192.0.2.1"), 1, 2, Bytes(500, 0x42))));
    meta_of(packet).source_peer = 3;
    meta_of(packet).destination_peer = peer_in_tunnel;
    meta_of(packet).tx_port = lan;
  }
  void TearDown() override {
    gateway->counters->finish(packet, Counter::consumed);
    control->end();
    control.reset();
    EXPECT_EQ(rte_mempool_in_use_count(pool), 0U);
    tap.reset();
    rte_mempool_free(pool);
    Lab::TearDown();
  }
  static abi::SetCapture all(std::uint32_t most = 1000) {
    abi::SetCapture command{};
    command.capture_id = 77;
    command.peer_id = abi::no_peer;
    command.max_packets = most;
    command.snap_bytes = 128;
    command.points = 31;
    command.port_index = abi::no_port;
    command.any_drop_reason = 1;
    return command;
  }
  unsigned captured() {
    control->poll();
    unsigned count = 0;
    for (; control_plane->capture.pop(slot) == abi::RingResult::ok; ++count) {}
    return count;
  }

  rte_mempool* pool = nullptr;
  std::unique_ptr<CaptureTap> tap;
  std::unique_ptr<CaptureControl> control;
  Packet* packet = nullptr;
  abi::CapturedPacket slot{};
};

TEST_F(CaptureTest, CopiesNothingUntilAsked) {
  tap->take_if(CapturePoint::outer_received, packet, false);
  EXPECT_EQ(captured(), 0U);
  EXPECT_EQ(rte_mempool_in_use_count(pool), 0U);
}

TEST_F(CaptureTest, PassesACopyOnWithWhatIsKnownAboutIt) {
  control->apply(all());
  tap->take_if(CapturePoint::outer_received, packet, false);
  ASSERT_EQ(captured(), 1U);
  EXPECT_EQ(slot.version, abi::version);
  EXPECT_EQ(slot.captured_bytes, 128);
  EXPECT_EQ(slot.original_bytes, packet->pkt_len);
  EXPECT_EQ(slot.capture_id, 77U);
  EXPECT_EQ(slot.peer_id, 3U);
  EXPECT_EQ(slot.point, CapturePoint::outer_received);
  EXPECT_EQ(slot.port_index, wan);
  EXPECT_EQ(slot.link_type, 0);
  EXPECT_NE(slot.at_ns, 0U);
  EXPECT_TRUE(std::equal(slot.data.begin(), slot.data.begin() + 128, bytes_of(packet).begin()));
  tap->take_if(CapturePoint::inner_sent, packet, true);
  ASSERT_EQ(captured(), 1U);
  EXPECT_EQ(slot.port_index, lan);
  EXPECT_EQ(slot.peer_id, peer_in_tunnel);
  EXPECT_EQ(slot.link_type, 1);
  EXPECT_EQ(counter(Counter::captured), 2U);
}

TEST_F(CaptureTest, FiltersByPointPortPeerAndReason) {
  abi::SetCapture command = all();
  command.points =
      static_cast<std::uint8_t>(CapturePoint::dropped) | static_cast<std::uint8_t>(CapturePoint::outer_received);
  command.any_drop_reason = 0;
  command.drop_reason = DropReason::replayed;
  command.port_index = wan;
  command.peer_id = 3;
  control->apply(command);
  tap->take_if(CapturePoint::inner_received, packet, true);
  tap->take_if(CapturePoint::dropped, packet, true, DropReason::denied);
  EXPECT_EQ(captured(), 0U);
  tap->take_if(CapturePoint::dropped, packet, true, DropReason::replayed);
  ASSERT_EQ(captured(), 1U);
  EXPECT_EQ(slot.drop_reason, DropReason::replayed);
  command.port_index = lan;
  control->apply(command);
  tap->take_if(CapturePoint::outer_received, packet, false);
  EXPECT_EQ(captured(), 0U);
  command.port_index = abi::no_port;
  command.peer_id = 5;
  control->apply(command);
  tap->take_if(CapturePoint::outer_received, packet, false);
  EXPECT_EQ(captured(), 0U);
}

TEST_F(CaptureTest, EndsByItselfAtItsBound) {
  control->apply(all(10));
  EXPECT_EQ(gateway->header.capture_remaining.load(), 10U);
  for (unsigned i = 0; i < 25; ++i) tap->take_if(CapturePoint::outer_received, packet, false);
  EXPECT_EQ(captured(), 10U);
  EXPECT_FALSE(control->is_running());
  EXPECT_FALSE(tap->wants(CapturePoint::outer_received));
  EXPECT_EQ(gateway->header.capture_remaining.load(), 0U);
}

TEST_F(CaptureTest, EndsWhenTheControlPlaneGoes) {
  control->apply(all());
  tap->take_if(CapturePoint::outer_received, packet, false);
  disconnect();
  control->poll();
  EXPECT_FALSE(tap->wants(CapturePoint::outer_received));
  connect();
  control->poll();
  EXPECT_FALSE(control->is_running());
}

TEST_F(CaptureTest, LeavesNoCopyOfAnEarlierCaptureToTheNext) {
  control->apply(all());
  tap->take_if(CapturePoint::outer_received, packet, false);
  abi::SetCapture next = all();
  next.capture_id = 78;
  control->apply(next);
  EXPECT_EQ(captured(), 0U);
}

TEST_F(CaptureTest, CountsWhatItMissed) {
  control->apply(all(100000));
  for (unsigned i = 0; i < 2000; ++i) tap->take_if(CapturePoint::outer_received, packet, false);
  EXPECT_GT(counter(Counter::capture_lost), 1000U) << "the thread's ring is full";
  for (unsigned i = 0; i < 10; ++i) {
    control->poll();
    for (unsigned k = 0; k < 400; ++k) tap->take_if(CapturePoint::outer_received, packet, false);
  }
  EXPECT_EQ(captured(), abi::capture_ring_slots) << "the control plane took none";
}

TEST_F(CaptureTest, ZeroTurnsItOff) {
  control->apply(all());
  control->apply({});
  EXPECT_FALSE(control->is_running());
  control->apply(all(0));
  EXPECT_FALSE(tap->wants(CapturePoint::outer_received));
}

}  // namespace
}  // namespace sallyport::dataplane::capture_test
