// The tap of a capture in one thread: copies packets that the filter wants into the ring to housekeeping, which passes
// them on to the control plane. With no capture running it costs one load a batch.
#pragma once

#include <memory>
#include <optional>

#include "dataplane/pipeline/counters.hpp"
#include "dataplane/pipeline/packet_ring.hpp"
#include "dataplane/pipeline/tables.hpp"

namespace sallyport::dataplane {

class CaptureTap {
 public:
  // Null if memory is exhausted. Copies are taken from `pool`, which is only for captures, so that one can never
  // exhaust the buffers of traffic.
  static std::unique_ptr<CaptureTap> create(const CaptureFilter& filter, rte_mempool& pool, Counters& counters,
                                            unsigned thread) noexcept;

  // Once a burst: is anything wanted at these points?
  [[nodiscard]] bool wants(abi::CapturePoint point) const noexcept {
    return (filter_.points.load(std::memory_order_acquire) & static_cast<std::uint8_t>(point)) != 0;
  }
  void take_if(abi::CapturePoint point, const Packet* packet, bool starts_at_ip,
               std::optional<DropReason> reason = std::nullopt) noexcept {
    if (wants(point)) [[unlikely]]
      take(point, packet, starts_at_ip, reason);
  }
  // Copies `packet` if it passes the filter. `starts_at_ip`: the data pointer is at an IP header, else at Ethernet.
  void take(abi::CapturePoint point, const Packet* packet, bool starts_at_ip,
            std::optional<DropReason> reason = std::nullopt) noexcept;

  [[nodiscard]] PacketRing& copies() noexcept { return *copies_; }

 private:
  CaptureTap(const CaptureFilter& filter, rte_mempool& pool, Counters& counters,
             std::unique_ptr<PacketRing> copies) noexcept
      : filter_(filter), pool_(pool), counters_(counters), copies_(std::move(copies)) {}

  const CaptureFilter& filter_;
  rte_mempool& pool_;
  Counters& counters_;
  std::unique_ptr<PacketRing> copies_;
};

}  // namespace sallyport::dataplane
