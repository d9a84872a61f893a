#include "controlplane/flows/capture_session.hpp"

#include <chrono>
#include <utility>

namespace sallyport::controlplane {
namespace {

constexpr std::chrono::milliseconds look_interval{200};
// The dataplane says that a capture is over and nothing came any more at so many checks in a row.
constexpr unsigned quiet_checks_needed = 2;

}  // namespace

CaptureSession::CaptureSession(boost::asio::io_context& loop, Publisher& publisher, DataplaneAccess& dataplane)
    : publisher_(publisher), dataplane_(dataplane), timer_(loop, [this] { look(); }) {}

tl::expected<std::uint32_t, std::string> CaptureSession::start(abi::SetCapture request, Sink on_packet, OnEnd on_end) {
  if (dataplane_.statistics() == nullptr) return tl::unexpected(std::string("no dataplane is connected"));
  if (running_) return tl::unexpected(std::string("another capture is running"));
  if (++last_number_ == 0) ++last_number_;
  request.capture_id = last_number_;
  running_.emplace(Running{last_number_, request.max_packets, std::move(on_packet), std::move(on_end)});
  publisher_.send_now(request);
  timer_.fire_after(look_interval);
  dataplane_.request_flush();
  return last_number_;
}

void CaptureSession::stop(std::uint32_t number) {
  if (!running_ || running_->number != number) return;
  if (dataplane_.statistics() != nullptr) publisher_.send_now(abi::SetCapture{});
  dataplane_.request_flush();
  end();
}

void CaptureSession::on_captured(const abi::CapturedPacket& packet) {
  if (!running_ || packet.capture_id != running_->number || packet.version != abi::version ||
      packet.captured_bytes > abi::capture_snap_bytes || running_->packets_left == 0)
    return;
  running_->quiet_checks = 0;
  const bool last = --running_->packets_left == 0;
  const std::uint32_t number = running_->number;
  // The sink may end the capture itself.
  const Sink sink = running_->on_packet;
  sink(packet);
  if (last) stop(number);
}

void CaptureSession::look() {
  if (!running_) return;
  const abi::StatisticsView* view = dataplane_.statistics();
  const bool over = view != nullptr && publisher_.pending() == 0 &&
                    view->header().capture_remaining.load(std::memory_order_relaxed) == 0;
  running_->quiet_checks = over ? running_->quiet_checks + 1 : 0;
  if (running_->quiet_checks > quiet_checks_needed) return end();
  timer_.fire_after(look_interval);
}

void CaptureSession::end() {
  if (!running_) return;
  const OnEnd on_end = std::move(running_->on_end);
  running_.reset();
  timer_.cancel();
  if (on_end) on_end();
}

}  // namespace sallyport::controlplane
