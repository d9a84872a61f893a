// The host's share of a port that DPDK owns: a kernel TAP device "sp-<port>" that carries the port's MAC and addresses,
// for what `[[port]] host` lists (host_admission.hpp): the enrolment API, BGP, DHCP. No default route is installed; the
// connected prefixes are. The device disappears with the object, and with the process however it ends.
//
//   wire -> classify -> housekeeping -> write_frame -> kernel -> read_frame -> housekeeping -> a worker's ring -> wire
//
// Housekeeping only. ARP and neighbour discovery of the kernel pass as frames; ICMP echo stays with the dataplane.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "dataplane/io/host_admission.hpp"
#include "dataplane/io/port_table.hpp"
#include "dataplane/io/token_bucket.hpp"

namespace sallyport::dataplane {

enum class HostWrite : std::uint8_t {
  written,
  rate_limited,  // beyond packets_per_s; dropped
  refused,       // the kernel's queue is full, or the frame is shorter or longer than the interface takes; dropped
};

class HostInterface {
 public:
  static constexpr std::uint64_t packets_per_s = 20'000;  // each way
  static constexpr std::uint64_t burst_packets = 512;

  // Needs CAP_NET_ADMIN. `port` has its MAC already. Errors name the port, the interface and the step.
  [[nodiscard]] static tl::expected<HostInterface, std::string> open(const LogicalPort& port);
  ~HostInterface();
  HostInterface(HostInterface&& other) noexcept;
  HostInterface& operator=(HostInterface&& other) noexcept;

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }  // readable when the kernel has sent something
  // The longest frame in both directions: Ethernet header and MTU. Frames are untagged.
  [[nodiscard]] std::size_t max_frame_bytes() const noexcept { return max_frame_bytes_; }

  [[nodiscard]] bool admits_inbound(std::uint8_t protocol, std::uint16_t destination_port, std::uint16_t source_port,
                                    std::uint8_t tcp_flags) const noexcept {
    return admission_.admits_inbound(protocol, destination_port, source_port, tcp_flags);
  }
  [[nodiscard]] bool admits_outbound(std::uint8_t protocol, std::uint16_t destination_port, std::uint16_t source_port,
                                     std::uint8_t tcp_flags) const noexcept {
    return admission_.admits_outbound(protocol, destination_port, source_port, tcp_flags);
  }

  // To the kernel: a whole Ethernet frame without VLAN tag and FCS. Never waits.
  [[nodiscard]] HostWrite write_frame(std::span<const std::uint8_t> frame, std::uint64_t now_ns) noexcept;
  // From the kernel: the length of the next frame, or 0 if there is none or the rate is exhausted (then the frame stays
  // in the kernel's queue, which is bounded). `buffer` holds at least max_frame_bytes(). Never waits.
  [[nodiscard]] std::size_t read_frame(std::span<std::uint8_t> buffer, std::uint64_t now_ns) noexcept;

 private:
  HostInterface() = default;

  int descriptor_ = -1;
  std::size_t max_frame_bytes_ = 0;
  std::string name_;
  HostAdmission admission_;
  TokenBucket to_kernel_{packets_per_s, burst_packets};
  TokenBucket from_kernel_{packets_per_s, burst_packets};
};

// "sp-wan"; a name that is too long for the kernel's 15 characters, or holds others than letters, digits, '-', '_' and
// '.', is shortened and gets a hash, so that two ports do not meet.
[[nodiscard]] std::string host_interface_name(std::string_view port_name);

}  // namespace sallyport::dataplane
