#include "controlplane/link/dataplane_connection.hpp"

#include <unistd.h>

#include <utility>

namespace sallyport::controlplane {

tl::expected<std::unique_ptr<DataplaneConnection>, std::string> DataplaneConnection::open(abi::ReceivedHello received) {
  const abi::Hello& hello = received.hello;
  std::unique_ptr<DataplaneConnection> connection(new DataplaneConnection(hello));
  const auto descriptor = [&](abi::HelloDescriptor which) -> abi::FileDescriptor& {
    return received.descriptors[static_cast<std::size_t>(which)];
  };
  const std::size_t statistics_bytes =
      abi::StatisticsLayout::of(hello.worker_count, hello.max_peers, hello.max_sessions).total;

  // One row for each segment of the hello.
  const struct {
    abi::HelloDescriptor which;
    std::size_t bytes;
    bool writable;
    abi::Segment& segment;
  } segments[] = {
      {abi::HelloDescriptor::commands, sizeof(abi::CommandRing), true, connection->commands_segment_},
      {abi::HelloDescriptor::events, sizeof(abi::EventRing), true, connection->events_segment_},
      {abi::HelloDescriptor::packets_up, sizeof(abi::PacketUpRing), true, connection->packets_up_segment_},
      {abi::HelloDescriptor::packets_up_proven, sizeof(abi::PacketUpRing), true,
       connection->packets_up_proven_segment_},
      {abi::HelloDescriptor::packets_down, sizeof(abi::PacketDownRing), true, connection->packets_down_segment_},
      {abi::HelloDescriptor::capture, sizeof(abi::CaptureRing), true, connection->capture_segment_},
      {abi::HelloDescriptor::statistics, statistics_bytes, false, connection->statistics_segment_},
      {abi::HelloDescriptor::checkpoints, abi::checkpoint_bytes, true, connection->checkpoints_segment_},
  };
  for (const auto& row : segments) {
    auto mapped = abi::Segment::map(std::move(descriptor(row.which)), row.bytes, row.writable);
    if (!mapped) return tl::unexpected(mapped.error());
    row.segment = std::move(*mapped);
  }
  connection->wake_dataplane_ = std::move(descriptor(abi::HelloDescriptor::wake_dataplane));
  connection->wake_control_plane_ = std::move(descriptor(abi::HelloDescriptor::wake_control_plane));

  connection->statistics_ = std::make_unique<abi::StatisticsView>(connection->statistics_segment_, hello.worker_count,
                                                                  hello.max_peers, hello.max_sessions);
  const abi::StatisticsHeader& header = connection->statistics_->header();
  if (header.magic != abi::statistics_magic || header.abi_version != abi::version ||
      header.max_peers != hello.max_peers || header.max_sessions != hello.max_sessions ||
      header.worker_count != hello.worker_count || header.boot_id != hello.boot_id)
    return tl::unexpected(std::string("the statistics segment does not agree with the hello"));

  connection->events = abi::RingConsumer(connection->events_segment_.at<abi::EventRing>());
  connection->packets_up = abi::RingConsumer(connection->packets_up_segment_.at<abi::PacketUpRing>());
  connection->packets_up_proven = abi::RingConsumer(connection->packets_up_proven_segment_.at<abi::PacketUpRing>());
  connection->captured = abi::RingConsumer(connection->capture_segment_.at<abi::CaptureRing>());
  connection->packets_down = abi::RingProducer(connection->packets_down_segment_.at<abi::PacketDownRing>());
  return connection;
}

void DataplaneConnection::wake_dataplane() const noexcept {
  const std::uint64_t one = 1;
  // It only fails when the counter is at its end, and then the dataplane is awake anyway.
  [[maybe_unused]] const ssize_t written = write(wake_dataplane_.get(), &one, sizeof one);
}

}  // namespace sallyport::controlplane
