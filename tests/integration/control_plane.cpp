#include "tests/integration/control_plane.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "config/base/check.hpp"
#include "dataplane/abi/statistics.hpp"

namespace sallyport::integration {

ControlPlane::ControlPlane(const std::string& socket_path)
    : socket_(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  SP_CHECK(socket_path.size() < sizeof name.sun_path);
  std::memcpy(name.sun_path, socket_path.c_str(), socket_path.size() + 1);
  SP_CHECK(connect(socket_.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0);
}

bool ControlPlane::adopt() {
  auto received = abi::receive_hello(socket_.get());
  if (!received) return false;
  hello = received->hello;
  const std::size_t statistics_bytes =
      abi::StatisticsLayout::of(hello.worker_count, hello.max_peers, hello.max_sessions).total;
  // In the order of abi::HelloDescriptor, up to the checkpoints.
  const std::array<std::size_t, 8> sizes = {
      sizeof(abi::CommandRing),    sizeof(abi::EventRing),   sizeof(abi::PacketUpRing), sizeof(abi::PacketUpRing),
      sizeof(abi::PacketDownRing), sizeof(abi::CaptureRing), statistics_bytes,          abi::checkpoint_bytes};
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const bool writable = i != static_cast<std::size_t>(abi::HelloDescriptor::statistics);
    auto mapped = abi::Segment::map(std::move(received->descriptors[i]), sizes[i], writable);
    SP_CHECK(mapped.has_value());
    segments_[i] = std::move(*mapped);
  }
  using Which = abi::HelloDescriptor;
  commands_ = abi::RingProducer(segment(Which::commands).at<abi::CommandRing>());
  events_ = abi::RingConsumer(segment(Which::events).at<abi::EventRing>());
  unproven_ = abi::RingConsumer(segment(Which::packets_up).at<abi::PacketUpRing>());
  proven_ = abi::RingConsumer(segment(Which::packets_up_proven).at<abi::PacketUpRing>());
  down_ = abi::RingProducer(segment(Which::packets_down).at<abi::PacketDownRing>());
  capture_ = abi::RingConsumer(segment(Which::capture).at<abi::CaptureRing>());
  return true;
}

bool ControlPlane::is_connected() const {
  char byte;
  return recv(socket_.get(), &byte, sizeof byte, MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

std::uint64_t ControlPlane::push_slot(const abi::Command& command) {
  if (commands_.push(command) != abi::RingResult::ok) return 0;
  return next_sequence_++;
}

bool ControlPlane::send(const abi::PacketDown& packet) {
  return down_.push(packet) == abi::RingResult::ok;
}

void ControlPlane::collect_events() {
  abi::Event event;
  while (events_.pop(event) == abi::RingResult::ok) events.push_back(event);
}

abi::Refusal ControlPlane::refusal_of(std::uint64_t sequence) {
  for (const abi::CommandRefused& refused : events_of<abi::CommandRefused>())
    if (refused.sequence == sequence) return refused.reason;
  return abi::Refusal::none;
}

}  // namespace sallyport::integration
