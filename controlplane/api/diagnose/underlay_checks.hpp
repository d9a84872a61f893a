// From the wire to the dataplane: is it there, do its ports hear anything, does the next hop answer?
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "controlplane/api/diagnose/check.hpp"
#include "dataplane/abi/statistics.hpp"

namespace sallyport::controlplane::diagnose {

struct DataplaneSeen {
  bool connected = false;
  std::string problem;             // why it is not, if that is known
  std::chrono::seconds silent{0};  // since its housekeeping's last sign of life
  bool allows_everything = false;  // no policy
  bool image_committed = false;    // some version of the policy is in force there
  bool newest_in_force = false;    // and it is the newest one
  std::uint32_t generation = 0;    // of the newest
  bool under_load = false;
};
[[nodiscard]] Check check_dataplane(const DataplaneSeen& seen);

struct PortSeen {
  std::string name, device;
  bool needed = true;  // there is no other way
  bool link_up = false;
  std::uint64_t received = 0, dropped = 0;
  std::uint64_t missed = 0;             // by the device: its queue was full, or there was no buffer
  std::uint64_t errors = 0;             // received broken
  std::string top_drop, top_drop_text;  // the most frequent reason
  std::uint64_t top_drop_packets = 0;
};
[[nodiscard]] Check check_port(const PortSeen& seen);

struct NeighbourSeen {
  IpAddress address;
  std::string port;
  std::string whose;  // "the gateway", "the next hop to 198.51.100.7"
  abi::NeighbourState state = abi::NeighbourState::none;
};
[[nodiscard]] Check check_neighbour(const NeighbourSeen& seen);

}  // namespace sallyport::controlplane::diagnose
