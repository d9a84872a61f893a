// Whether the links of the ports are up: asked once a second, for workers, the log and the control plane.
#pragma once

#include <array>

#include "dataplane/housekeeping/housekeeping_context.hpp"
#include "dataplane/io/device.hpp"

namespace sallyport::dataplane {

class LinkWatch {
 public:
  explicit LinkWatch(HousekeepingContext& context) noexcept : context_(context) {}

  void poll() noexcept;
  // As of the last poll; by logical port.
  [[nodiscard]] const LinkState& link(std::uint8_t port_index) const noexcept { return links_[port_index]; }

 private:
  HousekeepingContext& context_;
  std::array<LinkState, abi::max_ports> links_{};
};

}  // namespace sallyport::dataplane
