// The fixture of these tests: a gateway (lab_gateway.hpp) and a control plane that the test plays. Every test ends with
// the packet accounting and with all buffers back in their pool.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/unit/housekeeping/lab_gateway.hpp"

namespace sallyport::dataplane {

extern bool in_own_namespace;

// --- the control plane's end of the link ---

class FakeControlPlane {
 public:
  explicit FakeControlPlane(const std::string& socket_path);
  // After ControlLink::poll.
  void adopt();

  abi::RingConsumer<abi::PacketUpRing> unproven, proven;
  abi::RingConsumer<abi::CaptureRing> capture;
  abi::RingProducer<abi::PacketDownRing> down;

 private:
  abi::FileDescriptor socket_;
  std::vector<abi::Segment> segments_;
};

class Lab : public testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  void connect();
  void disconnect();

  [[nodiscard]] Packet* received(std::uint8_t port, const Bytes& frame, Task task = Task::own_address) {
    return gateway->received(port, frame, task);
  }
  [[nodiscard]] Packet* inner(const Bytes& packet, Task task, std::uint32_t source_peer, std::uint8_t rx_port = wan) {
    return gateway->inner(packet, task, source_peer, rx_port);
  }
  [[nodiscard]] std::vector<Sent> sent() { return gateway->sent(); }
  [[nodiscard]] Sent only_sent();
  [[nodiscard]] std::uint64_t counter(Counter which) const { return gateway->counter(which); }
  [[nodiscard]] std::uint64_t dropped(DropReason which) const { return gateway->dropped(which); }
  void advance(std::uint64_t nanoseconds) { gateway->advance(nanoseconds); }

  std::vector<config::HostService> wan_host_services;  // before SetUp
  std::unique_ptr<LabGateway> gateway;
  std::unique_ptr<FakeControlPlane> control_plane;
};

}  // namespace sallyport::dataplane
