#include "dataplane/housekeeping/link_watch.hpp"

#include "config/base/log.hpp"

namespace sallyport::dataplane {

void LinkWatch::poll() noexcept {
  for (const LogicalPort& port : context_.tables.ports.ports()) {
    const LinkState link = links_[port.index] = context_.tables.devices[port.device]->link();
    const std::uint8_t is_up = link.up ? 1 : 0;
    if (context_.tables.link_up[port.index].exchange(is_up, std::memory_order_relaxed) == is_up) continue;
    log_info(link.up ? "link up" : "link down", {{"port", port.name}, {"speed_mbps", link.speed_mbps}});
    context_.link.push_event(context_.now_ns,
                             abi::LinkChanged{.speed_mbps = link.speed_mbps, .port_index = port.index, .up = link.up});
  }
}

}  // namespace sallyport::dataplane
