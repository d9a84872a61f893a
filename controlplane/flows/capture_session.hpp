// `sallyctl capture`: at most one at a time. The dataplane copies packets until the bound is reached or it is told to
// stop; that it has stopped is seen in its statistics, because its last copy may have been lost.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include <tl/expected.hpp>

#include "controlplane/link/dataplane_access.hpp"
#include "controlplane/publisher/publisher.hpp"
#include "controlplane/runtime/loop_timer.hpp"
#include "dataplane/abi/packets.hpp"

namespace sallyport::controlplane {

class CaptureSession {
 public:
  using Sink = std::function<void(const abi::CapturedPacket&)>;
  using OnEnd = std::function<void()>;

  CaptureSession(boost::asio::io_context& loop, Publisher& publisher, DataplaneAccess& dataplane);

  // Its number, which `request` gets; or why not. `on_end` is called once, whatever ends it.
  tl::expected<std::uint32_t, std::string> start(abi::SetCapture request, Sink on_packet, OnEnd on_end);
  void stop(std::uint32_t number);
  // From the other process: one that belongs to no running capture, or is malformed, is dropped.
  void on_captured(const abi::CapturedPacket& packet);
  // The dataplane went away, or we do.
  void end();

 private:
  struct Running {
    std::uint32_t number;
    std::uint32_t packets_left;
    Sink on_packet;
    OnEnd on_end;
    unsigned quiet_checks = 0;
  };
  void look();

  Publisher& publisher_;
  DataplaneAccess& dataplane_;
  std::optional<Running> running_;
  std::uint32_t last_number_ = 0;
  LoopTimer timer_;
};

}  // namespace sallyport::controlplane
