// Inside the tunnel: inner addresses, their routes, and the size of packets.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/base/ip.hpp"
#include "controlplane/api/diagnose/check.hpp"

namespace sallyport::controlplane::diagnose {

struct SourceSeen {
  std::vector<std::string> addresses;  // that are the peer's
  std::string port;                    // that it comes in by; empty: any
  std::uint64_t foreign_packets = 0;   // there, of all peers: from inner addresses that are not their sender's
};
[[nodiscard]] Check check_source(const SourceSeen& seen);

struct RouteSeen {
  struct Address {
    IpPrefix prefix;
    std::string taken_by;  // who has it instead, as a whole: "port lan (10.8.0.0/16)"
    std::string cut_by;    // who has a part of it
    std::string problem;   // why the route is not in force
  };
  std::vector<Address> addresses;
};
[[nodiscard]] Check check_route(const RouteSeen& seen);

struct MtuSeen {
  std::string tunnel, port;
  std::uint16_t tunnel_mtu = 0;
  std::uint16_t port_mtu = 0;  // the smallest that its packets may leave by; 0: not known
  bool outer_v6 = false;
  std::optional<std::uint32_t> client_mtu;
  std::uint64_t too_big = 0;  // packets, of all peers
};
[[nodiscard]] Check check_mtu(const MtuSeen& seen);

}  // namespace sallyport::controlplane::diagnose
