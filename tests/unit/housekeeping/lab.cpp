#include "tests/unit/housekeeping/lab.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>

namespace sallyport::dataplane {

FakeControlPlane::FakeControlPlane(const std::string& socket_path)
    : socket_(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, socket_path.c_str(), socket_path.size() + 1);
  EXPECT_EQ(::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name), 0);
}

void FakeControlPlane::adopt() {
  auto hello = abi::receive_hello(socket_.get());
  ASSERT_TRUE(hello) << hello.error();
  const auto map = [&](abi::HelloDescriptor which, std::size_t bytes) {
    auto segment = abi::Segment::map(std::move(hello->descriptors[static_cast<std::size_t>(which)]), bytes, true);
    EXPECT_TRUE(segment) << segment.error();
    segments_.push_back(std::move(*segment));
    return segments_.back().data();
  };
  using Which = abi::HelloDescriptor;
  unproven = abi::RingConsumer(static_cast<abi::PacketUpRing*>(map(Which::packets_up, sizeof(abi::PacketUpRing))));
  proven = abi::RingConsumer(static_cast<abi::PacketUpRing*>(map(Which::packets_up_proven, sizeof(abi::PacketUpRing))));
  capture = abi::RingConsumer(static_cast<abi::CaptureRing*>(map(Which::capture, sizeof(abi::CaptureRing))));
  down = abi::RingProducer(static_cast<abi::PacketDownRing*>(map(Which::packets_down, sizeof(abi::PacketDownRing))));
}

void Lab::SetUp() {
  gateway = std::make_unique<LabGateway>(wan_host_services);
}

void Lab::TearDown() {
  static_cast<void>(sent());
  EXPECT_EQ(gateway->packets_in(), gateway->packets_out())
      << "received + originated = sent + punted + consumed + dropped";
  EXPECT_EQ(gateway->pools->in_use(), 0U) << "every buffer is back in its pool";
  control_plane.reset();
  gateway.reset();
}

void Lab::connect() {
  control_plane = std::make_unique<FakeControlPlane>(gateway->socket_path);
  ASSERT_TRUE(gateway->link->poll());
  control_plane->adopt();
}

void Lab::disconnect() {
  control_plane.reset();
  static_cast<void>(gateway->link->poll());
  ASSERT_FALSE(gateway->link->connected());
}

Sent Lab::only_sent() {
  auto all = sent();
  EXPECT_EQ(all.size(), 1U);
  if (all.empty()) return {Task::none, no_port, {}, Bytes(64)};
  return all.front();
}

}  // namespace sallyport::dataplane
