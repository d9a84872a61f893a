// Between the wire and the host's kernel: what `[[port]] host` admits goes to and comes from a kernel interface that
// carries the port's MAC and addresses (io/host_interface.hpp). Both ways are closed by default and bounded in rate.
//
//   own_address --deliver, copy--> kernel --poll--> checked --> the port's transmit queue
//
// The kernel resolves its own neighbours: its ARP and ND pass, and it gets copies of the answers.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "dataplane/housekeeping/housekeeping_context.hpp"
#include "dataplane/io/host_interface.hpp"

namespace sallyport::dataplane {

class HostBridge {
 public:
  static constexpr unsigned most_frames_per_poll = 64;  // of each interface

  explicit HostBridge(HousekeepingContext& context) noexcept : context_(context) {}
  // Once, at start: an interface for each port that has a host list. Needs CAP_NET_ADMIN if there is one.
  [[nodiscard]] tl::expected<void, std::string> open();

  // A frame that starts at its Ethernet header, whose IP packet meta.ip describes and whose L4 checksum holds, to an
  // address of its port: to the kernel if the list admits it, else dropped as no_listener.
  void deliver(Packet* frame) noexcept;
  // An answer to ARP or ND that may be the kernel's as well. The packet stays the caller's and is not counted.
  void copy(const Packet* frame) noexcept;
  // Takes what the kernel sent, checks it and sends it on. Bounded; every turn, or when a descriptor is readable.
  void poll() noexcept;

  // To wait on; readable when the kernel has sent something.
  [[nodiscard]] std::vector<int> descriptors() const;

 private:
  struct Bridge {
    std::uint8_t port_index;
    HostInterface interface;
  };

  [[nodiscard]] HostInterface* find(std::uint8_t port_index) noexcept;
  void send_from_kernel(const Bridge& bridge, std::span<const std::uint8_t> frame) noexcept;

  HousekeepingContext& context_;
  std::vector<Bridge> bridges_;
  std::vector<std::uint8_t> buffer_;  // one frame from the kernel
};

// Whether a frame that the kernel sent may leave by its port: from the port's own MAC and addresses, and ARP, neighbour
// solicitation or advertisement, or TCP or UDP that the list admits, unfragmented.
[[nodiscard]] bool may_leave(const LogicalPort& port, const HostInterface& interface,
                             std::span<const std::uint8_t> frame) noexcept;

}  // namespace sallyport::dataplane
