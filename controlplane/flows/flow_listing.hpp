// `sallyctl flows`: the dataplane walks its flow tables and tells of each flow that matches, until the last one or the
// bound. At most one listing at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include <tl/expected.hpp>

#include "controlplane/link/dataplane_access.hpp"
#include "controlplane/publisher/publisher.hpp"
#include "controlplane/runtime/loop_timer.hpp"
#include "dataplane/abi/events.hpp"

namespace sallyport::controlplane {

class FlowListing {
 public:
  using Sink = std::function<void(const abi::FlowRecord&)>;
  // Whether flows are missing because there were more than asked for; or why the listing broke off.
  using OnEnd = std::function<void(tl::expected<bool, std::string>)>;

  FlowListing(boost::asio::io_context& loop, Publisher& publisher, DataplaneAccess& dataplane);

  // Its number, which `request` gets; or why not.
  tl::expected<std::uint32_t, std::string> start(abi::ListFlows request, Sink on_flow, OnEnd on_end);
  // Who stops it hears no end.
  void stop(std::uint32_t number);
  void on_shown(const abi::FlowShown& shown);
  void on_ended(const abi::FlowListingEnded& ended);
  // It breaks off: the dataplane went away, or we do.
  void break_off(std::string why) { end(tl::unexpected(std::move(why))); }

 private:
  struct Running {
    std::uint32_t number;
    std::uint32_t flows_left;
    Sink on_flow;
    OnEnd on_end;
  };
  void end(tl::expected<bool, std::string> how);

  Publisher& publisher_;
  DataplaneAccess& dataplane_;
  std::optional<Running> running_;
  std::uint32_t last_number_ = 0;
  LoopTimer patience_;
};

}  // namespace sallyport::controlplane
