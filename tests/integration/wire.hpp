// The cable of one port: an ethdev over in-process rings (rte_eth_from_rings), and its far end. What the test puts on
// it the gateway receives; what the gateway sends is copied out and its buffer freed.
#pragma once

#include <rte_mempool.h>
#include <rte_ring.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace sallyport::integration {

using Bytes = std::vector<std::uint8_t>;

class Wire {
 public:
  static constexpr unsigned max_queues = 2;

  // Makes the device net_ring_NAME. After EAL has started.
  Wire(const std::string& name, unsigned queues);
  // After the gateway that used the device.
  ~Wire();
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  // As for `[[port]] device`.
  [[nodiscard]] const std::string& device() const noexcept { return device_; }

  // False: no buffer is free, or the cable is full. A frame larger than a buffer becomes a chain.
  bool put(rte_mempool& pool, std::span<const std::uint8_t> frame, unsigned queue = 0);
  [[nodiscard]] std::optional<Bytes> take();
  // The same without copies, for benchmarks.
  [[nodiscard]] rte_ring* to_gateway(unsigned queue = 0) const noexcept { return to_gateway_[queue]; }
  [[nodiscard]] rte_ring* from_gateway(unsigned queue = 0) const noexcept { return from_gateway_[queue]; }
  void clear();

 private:
  static constexpr unsigned slots = 2048;

  std::string device_;
  unsigned queues_;
  std::array<rte_ring*, max_queues> to_gateway_{};
  std::array<rte_ring*, max_queues> from_gateway_{};
};

}  // namespace sallyport::integration
