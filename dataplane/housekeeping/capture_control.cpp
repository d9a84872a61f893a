#include "dataplane/housekeeping/capture_control.hpp"

#include "dataplane/io/mbuf_pool.hpp"

#include <rte_cycles.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "dataplane/pipeline/capture_copy.hpp"

namespace sallyport::dataplane {
namespace {

constexpr unsigned burst_packets = 64;
constexpr unsigned buffers_per_thread = 512;
// For what lies between the rings: in a thread's hand, or a burst on its way to the control plane.
constexpr unsigned spare_buffers = burst_packets;

}  // namespace

rte_mempool* create_capture_pool(unsigned threads) noexcept {
  // No cache: it would hide buffers in each lcore.
  return create_packet_pool("sp-capture", threads * buffers_per_thread + spare_buffers, 0,
                            static_cast<std::uint16_t>(RTE_ALIGN(sizeof(CaptureCopy), RTE_MBUF_PRIV_ALIGN)),
                            RTE_PKTMBUF_HEADROOM + abi::capture_snap_bytes);
}

CaptureControl::CaptureControl(HousekeepingContext& context, abi::StatisticsHeader& statistics,
                               std::vector<CaptureTap*> taps)
    : context_(context), statistics_(statistics), filter_(context.tables.capture), taps_(std::move(taps)) {}

void CaptureControl::apply(const abi::SetCapture& command) noexcept {
  stop();
  if (command.capture_id == 0 || command.max_packets == 0) return;
  capture_id_ = command.capture_id;
  remaining_ = command.max_packets;
  generation_ = context_.link.generation();
  // Copies that an earlier capture left in the rings are older than this.
  started_tsc_ = rte_rdtsc();
  statistics_.capture_remaining.store(remaining_, std::memory_order_relaxed);
  filter_.peer_id.store(command.peer_id, std::memory_order_relaxed);
  filter_.port_index.store(command.port_index, std::memory_order_relaxed);
  filter_.snap_bytes.store(std::min<std::uint16_t>(command.snap_bytes, abi::capture_snap_bytes),
                           std::memory_order_relaxed);
  filter_.drop_reason.store(
      command.any_drop_reason != 0 ? std::uint16_t{0xffff} : static_cast<std::uint16_t>(command.drop_reason),
      std::memory_order_relaxed);
  // Release: who sees the points sees the rest.
  filter_.points.store(command.points, std::memory_order_release);
}

void CaptureControl::stop() noexcept {
  filter_.points.store(0, std::memory_order_release);
  capture_id_ = 0;
  remaining_ = 0;
  statistics_.capture_remaining.store(0, std::memory_order_relaxed);
}

void CaptureControl::end() noexcept {
  stop();
  for (CaptureTap* tap : taps_)
    while (!tap->copies().empty()) poll();
}

void CaptureControl::poll() noexcept {
  if (is_running() && (!context_.link.connected() || context_.link.generation() != generation_)) stop();
  std::array<Packet*, burst_packets> copies;
  for (CaptureTap* tap : taps_) {
    unsigned taken = 0;
    for (unsigned count = 0; taken < most_copies_per_poll; taken += count) {
      count = tap->copies().pop(copies.data(), burst_packets);
      if (count == 0) break;
      for (unsigned i = 0; i < count; ++i) {
        pass_on(copies[i]);
        rte_pktmbuf_free(copies[i]);
      }
    }
  }
}

void CaptureControl::pass_on(Packet* copy) noexcept {
  const CaptureCopy& about = capture_copy_of(copy);
  if (!is_running() || about.at_tsc < started_tsc_) return;
  const bool pushed = context_.link.push_capture([&](abi::CapturedPacket& slot) {
    slot.version = abi::version;
    slot.captured_bytes = copy->data_len;
    slot.original_bytes = about.original_bytes;
    slot.capture_id = capture_id_;
    slot.peer_id = about.peer_id;
    slot.at_ns = context_.clock.to_ns(about.at_tsc);
    slot.point = about.point;
    slot.port_index = about.port_index;
    slot.drop_reason = about.drop_reason;
    slot.link_type = about.starts_at_ip;
    slot.reserved = 0;
    std::memcpy(slot.data.data(), rte_pktmbuf_mtod(copy, const std::uint8_t*),
                std::min<std::size_t>(copy->data_len, slot.data.size()));
  });
  if (!pushed) return context_.counters.add(about.port_index, Counter::capture_lost);
  context_.counters.add(about.port_index, Counter::captured);
  if (--remaining_ == 0) return stop();
  statistics_.capture_remaining.store(remaining_, std::memory_order_relaxed);
}

}  // namespace sallyport::dataplane
