// One connection to a dataplane: the mapped segments of its hello and our ends of the rings. It stays readable after
// the dataplane died; only the eventfds and rings have nobody behind them then.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <tl/expected.hpp>

#include "dataplane/abi/events.hpp"
#include "dataplane/abi/hello.hpp"
#include "dataplane/abi/packets.hpp"
#include "dataplane/abi/segment.hpp"
#include "dataplane/abi/statistics_view.hpp"

namespace sallyport::controlplane {

class DataplaneConnection {
 public:
  // Maps everything. An error unless every segment has the size that the hello implies and the statistics agree with
  // it.
  static tl::expected<std::unique_ptr<DataplaneConnection>, std::string> open(abi::ReceivedHello received);

  [[nodiscard]] const abi::Hello& hello() const noexcept { return hello_; }
  [[nodiscard]] const abi::StatisticsView& statistics() const noexcept { return *statistics_; }
  [[nodiscard]] abi::CommandRing& command_ring() const noexcept { return *commands_segment_.at<abi::CommandRing>(); }
  [[nodiscard]] int wake_descriptor() const noexcept { return wake_control_plane_.get(); }

  // Tells the dataplane that something was pushed.
  void wake_dataplane() const noexcept;
  [[nodiscard]] bool send_packet(const abi::PacketDown& packet) noexcept {
    return packets_down.push(packet) == abi::RingResult::ok;
  }

  abi::RingConsumer<abi::EventRing> events;
  abi::RingConsumer<abi::PacketUpRing> packets_up;
  abi::RingConsumer<abi::PacketUpRing> packets_up_proven;
  abi::RingConsumer<abi::CaptureRing> captured;
  abi::RingProducer<abi::PacketDownRing> packets_down;

 private:
  explicit DataplaneConnection(const abi::Hello& hello) : hello_(hello) {}

  abi::Hello hello_;
  abi::Segment commands_segment_, events_segment_, packets_up_segment_, packets_up_proven_segment_,
      packets_down_segment_, capture_segment_, statistics_segment_, checkpoints_segment_;
  abi::FileDescriptor wake_dataplane_, wake_control_plane_;
  std::unique_ptr<abi::StatisticsView> statistics_;
};

}  // namespace sallyport::controlplane
