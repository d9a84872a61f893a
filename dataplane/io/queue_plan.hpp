// Which queues a device gets, and which worker owns each: a queue is never shared, so nothing on it is locked.
// A worker without a transmit queue of its own (the device has too few) hands its packets to one that has.
//
//   rx queue q  -> worker (first_worker + q) mod workers      first_worker differs between devices,
//   tx queue q  -> worker (first_worker + q) mod workers      so that single queues do not all end at worker 0
#pragma once

#include <cstdint>
#include <string_view>

namespace sallyport::dataplane {

// How a driver departs from what ethdev promises. Known by driver name; a NIC departs in nothing.
struct DriverTraits {
  bool queue_pairs = false;        // as many transmit as receive queues, or it refuses, or queues lead nowhere
  bool polls_all_queues = false;   // the far side spreads packets over every queue it has: all must be polled
  bool partial_checksums = false;  // checksum offload on receive lets half-made checksums through
  bool kernel_owns_mtu = false;    // ethdev knows 1,500 only, the kernel interface behind it may have more
  bool shares_interface = false;   // frames come through a kernel interface, which changes them unless told not to
  bool needs_idle_tx = false;      // transmit must be called at least every 100 ms, even with nothing (LACP)

  static DriverTraits of(std::string_view driver) noexcept;
};

struct QueueRequest {
  std::uint16_t rx_queues = 1;
  std::uint16_t workers = 1;
  std::uint16_t first_worker = 0;
  std::uint16_t max_rx_queues = 1;
  std::uint16_t max_tx_queues = 1;
  DriverTraits traits;
};

inline constexpr std::uint16_t no_queue = 0xffff;

struct QueuePlan {
  std::uint16_t rx_queues = 1;
  std::uint16_t tx_queues = 1;
  std::uint16_t workers = 1;
  std::uint16_t first_worker = 0;

  [[nodiscard]] static QueuePlan choose(const QueueRequest& request) noexcept;

  [[nodiscard]] std::uint16_t worker_of_rx_queue(std::uint16_t queue) const noexcept {
    return static_cast<std::uint16_t>((first_worker + queue) % workers);
  }
  // no_queue: this worker has none and hands over to tx_worker_for(worker).
  [[nodiscard]] std::uint16_t tx_queue_of_worker(std::uint16_t worker) const noexcept {
    const std::uint16_t turn = turn_of(worker);
    return turn < tx_queues ? turn : no_queue;
  }
  // The worker whose queue carries this worker's packets: itself if it has one.
  [[nodiscard]] std::uint16_t tx_worker_for(std::uint16_t worker) const noexcept {
    return static_cast<std::uint16_t>((first_worker + turn_of(worker) % tx_queues) % workers);
  }

 private:
  [[nodiscard]] std::uint16_t turn_of(std::uint16_t worker) const noexcept {
    return static_cast<std::uint16_t>((worker + workers - first_worker % workers) % workers);
  }
};

}  // namespace sallyport::dataplane
