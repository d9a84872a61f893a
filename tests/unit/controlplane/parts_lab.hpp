// What a part of the control plane is constructed with, when it is tested alone: an event loop, a publisher on the
// command ring of a FakeDataplane, and the link to it, which a test may cut.
#pragma once

#include <chrono>

#include <boost/asio/io_context.hpp>

#include "controlplane/link/dataplane_access.hpp"
#include "controlplane/publisher/publisher.hpp"
#include "tests/unit/controlplane/fake_dataplane.hpp"

namespace sallyport::controlplane::testing {

struct PartsLab : DataplaneAccess {
  PartsLab() { publisher.connect(dataplane.command_ring(), dataplane.applied_sequence()); }

  [[nodiscard]] const abi::StatisticsView* statistics() const override {
    return is_connected ? &dataplane.statistics() : nullptr;
  }
  void request_flush() override { ++flushes; }

  // Until everything that was published is applied.
  void deliver() {
    for (int i = 0; i < 100 && publisher.pending() != 0; ++i) {
      (void)publisher.pump(1);
      dataplane.apply();
    }
  }
  // Until it is so, for ten seconds at most.
  template <typename Condition>
  [[nodiscard]] bool eventually(Condition&& condition) {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > give_up) return false;
      loop.restart();
      loop.run_one_for(std::chrono::milliseconds(50));
    }
    return true;
  }

  boost::asio::io_context loop;
  FakeDataplane dataplane;
  Publisher publisher{
      {.complete_peer = [](abi::SetPeer&) {}, .on_install_refused = [](std::uint32_t, std::uint64_t, abi::Refusal) {}},
      1};
  bool is_connected = true;
  int flushes = 0;
};

}  // namespace sallyport::controlplane::testing
