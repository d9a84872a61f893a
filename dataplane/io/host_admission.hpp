// Which packets may pass between the wire and the host's kernel: the `host` list of a port, closed by default.
//
//   to the host      TCP or UDP whose destination port is listed: the host serves it
//                    TCP from a listed source port that is no bare SYN: answers to what the host opened (BGP)
//   from the host    the same with source and destination exchanged; the host may also send UDP *to* a listed port
//
// UDP from a listed source port alone is not let in: a sender chooses its source port, so "udp/53" would open every UDP
// port of the host to anyone. A UDP protocol whose answers come to another port than the listed one does not work;
// DHCP, BFD and NTP do (list udp/68, udp/3784, udp/123).
#pragma once

#include <cstdint>
#include <span>

#include "config/config.hpp"
#include "dataplane/packet/tcp.hpp"

namespace sallyport::dataplane {

inline constexpr std::uint8_t protocol_tcp = 6;
inline constexpr std::uint8_t protocol_udp = 17;

class HostAdmission {
 public:
  HostAdmission() noexcept = default;
  explicit HostAdmission(std::span<const config::HostService> services) noexcept;

  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }

  // Ports in host byte order. Only for packets whose transport header is there in full: a fragment has no ports, and is
  // not admitted. tcp_flags is the 14th byte of the TCP header and is not looked at for UDP.
  [[nodiscard]] bool admits_inbound(std::uint8_t protocol, std::uint16_t destination_port, std::uint16_t source_port,
                                    std::uint8_t tcp_flags) const noexcept;
  [[nodiscard]] bool admits_outbound(std::uint8_t protocol, std::uint16_t destination_port, std::uint16_t source_port,
                                     std::uint8_t tcp_flags) const noexcept;

 private:
  struct Entry {
    std::uint8_t protocol = 0;
    std::uint16_t port = 0;
  };
  static constexpr std::size_t most_entries = 64;  // config::limits::host_services

  [[nodiscard]] bool lists(std::uint8_t protocol, std::uint16_t port) const noexcept;

  Entry entries_[most_entries];
  std::size_t count_ = 0;
};

}  // namespace sallyport::dataplane
