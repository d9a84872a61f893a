#include "controlplane/flows/flow_listing.hpp"

#include <chrono>
#include <utility>

namespace sallyport::controlplane {
namespace {

// A listing of which nothing was heard for so long is over: its end may have found the event ring full.
constexpr std::chrono::seconds patience{3};

}  // namespace

FlowListing::FlowListing(boost::asio::io_context& loop, Publisher& publisher, DataplaneAccess& dataplane)
    : publisher_(publisher),
      dataplane_(dataplane),
      patience_(loop, [this] { break_off("the dataplane does not answer"); }) {}

tl::expected<std::uint32_t, std::string> FlowListing::start(abi::ListFlows request, Sink on_flow, OnEnd on_end) {
  if (dataplane_.statistics() == nullptr) return tl::unexpected(std::string("no dataplane is connected"));
  if (running_) return tl::unexpected(std::string("another listing is running"));
  if (++last_number_ == 0) ++last_number_;
  request.listing = last_number_;
  running_.emplace(Running{last_number_, request.most, std::move(on_flow), std::move(on_end)});
  publisher_.send_now(request);
  patience_.fire_after(patience);
  dataplane_.request_flush();
  return last_number_;
}

void FlowListing::stop(std::uint32_t number) {
  if (!running_ || running_->number != number) return;
  abi::ListFlows stop{};
  stop.peer_id = abi::no_peer;
  stop.protocol = abi::any_protocol;
  if (dataplane_.statistics() != nullptr) publisher_.send_now(stop);
  running_.reset();
  patience_.cancel();
  dataplane_.request_flush();
}

void FlowListing::on_shown(const abi::FlowShown& shown) {
  if (!running_ || shown.listing != running_->number || running_->flows_left == 0) return;
  --running_->flows_left;
  patience_.fire_after(patience);
  const Sink sink = running_->on_flow;  // it may stop the listing
  if (sink) sink(shown.flow);
}

void FlowListing::on_ended(const abi::FlowListingEnded& ended) {
  if (running_ && ended.listing == running_->number) end(ended.cut != 0);
}

void FlowListing::end(tl::expected<bool, std::string> how) {
  if (!running_) return;
  const OnEnd on_end = std::move(running_->on_end);
  running_.reset();
  patience_.cancel();
  if (on_end) on_end(std::move(how));
}

}  // namespace sallyport::controlplane
