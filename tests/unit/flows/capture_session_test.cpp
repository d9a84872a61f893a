#include "controlplane/flows/capture_session.hpp"

#include <gtest/gtest.h>

#include "tests/unit/controlplane/parts_lab.hpp"

namespace sallyport::controlplane::capture_session_test {
namespace {

using testing::PartsLab;

struct CaptureTest : ::testing::Test {
  tl::expected<std::uint32_t, std::string> start(std::uint32_t most) {
    abi::SetCapture request{};
    request.peer_id = abi::no_peer;
    request.port_index = abi::no_port;
    request.any_drop_reason = 1;
    request.points = 1;
    request.max_packets = most;
    return session.start(
        request, [this](const abi::CapturedPacket&) { ++packets; }, [this] { ++ends; });
  }
  static abi::CapturedPacket packet(std::uint32_t number) {
    abi::CapturedPacket copy{};
    copy.version = abi::version;
    copy.capture_id = number;
    return copy;
  }

  PartsLab lab;
  CaptureSession session{lab.loop, lab.publisher, lab};
  int packets = 0, ends = 0;
};

TEST_F(CaptureTest, NeedsADataplaneAndIsTheOnlyOne) {
  lab.is_connected = false;
  EXPECT_EQ(start(1).error(), "no dataplane is connected");
  lab.is_connected = true;
  ASSERT_TRUE(start(1));
  EXPECT_EQ(start(1).error(), "another capture is running");
  EXPECT_EQ(lab.flushes, 1);
}

TEST_F(CaptureTest, EndsOnceAtItsBound) {
  const auto number = start(2);
  ASSERT_TRUE(number);
  session.on_captured(packet(*number));
  EXPECT_EQ(ends, 0);
  session.on_captured(packet(*number));
  session.on_captured(packet(*number));
  EXPECT_EQ(packets, 2);
  EXPECT_EQ(ends, 1);
  EXPECT_TRUE(start(1)) << "there is room for the next one";
}

TEST_F(CaptureTest, BelievesNoPacketOfAnotherCaptureOrVersionOrSize) {
  const auto number = start(10);
  ASSERT_TRUE(number);
  session.on_captured(packet(*number + 1));
  abi::CapturedPacket old = packet(*number);
  old.version = abi::version + 1;
  session.on_captured(old);
  abi::CapturedPacket huge = packet(*number);
  huge.captured_bytes = abi::capture_snap_bytes + 1;
  session.on_captured(huge);
  EXPECT_EQ(packets, 0);
}

TEST_F(CaptureTest, EndsWhenTheDataplaneHasStopped) {
  ASSERT_TRUE(start(10));
  lab.deliver();
  lab.dataplane.header().capture_remaining = 0;
  EXPECT_TRUE(lab.eventually([this] { return ends == 1; })) << "its last packet may have been lost";
  EXPECT_EQ(packets, 0);
}

TEST_F(CaptureTest, MayBeStoppedByWhoTakesItsPackets) {
  std::uint32_t number = 0;
  const auto started = session.start(
      {}, [&](const abi::CapturedPacket&) { session.stop(number); }, [this] { ++ends; });
  ASSERT_TRUE(started);
  number = *started;
  session.stop(number + 1);
  EXPECT_EQ(ends, 0) << "another one's number";
  session.stop(number);
  EXPECT_EQ(ends, 1);
  session.end();
  EXPECT_EQ(ends, 1);
}

}  // namespace
}  // namespace sallyport::controlplane::capture_session_test
