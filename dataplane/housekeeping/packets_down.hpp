// Datagrams of the control plane on their way out: handshake messages and cookie replies from a tunnel's port. A
// datagram may name a command that must be applied first, so that a handshake response never overtakes its session; it
// waits here.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "dataplane/abi/packets.hpp"
#include "dataplane/housekeeping/housekeeping_context.hpp"
#include "dataplane/housekeeping/neighbour_service.hpp"
#include "dataplane/housekeeping/underlay_path.hpp"

namespace sallyport::dataplane {

class PacketsDown {
 public:
  static constexpr std::size_t most_held = 256;
  static constexpr unsigned most_taken_per_poll = 128;
  // A command that did not come in this time will not come: commands travel ahead of the packets that name them.
  static constexpr std::uint64_t patience_ns = 5 * second_ns;

  PacketsDown(HousekeepingContext& context, NeighbourService& neighbours, const UnderlayRoutes& routes);

  // The command with this sequence number was refused: what waits for it, or will name it, is dropped. Call before the
  // sequence counts as applied.
  void on_refused(std::uint64_t sequence) noexcept;
  // Sends what waited for commands up to `applied_sequence`, then takes new slots from the link. While the room for
  // waiting ones is full, slots stay in the ring. Every turn, after the commands.
  void poll(std::uint64_t applied_sequence) noexcept;

  [[nodiscard]] std::size_t held() const noexcept { return held_.size(); }

 private:
  struct Held {
    abi::PacketDown slot;
    std::uint64_t since_ns;
  };
  static constexpr std::size_t most_refusals = 256;

  void forget_former_connection() noexcept;
  void serve_held(std::uint64_t applied_sequence) noexcept;
  [[nodiscard]] bool was_refused(std::uint64_t sequence) const noexcept;
  void send(const abi::PacketDown& slot) noexcept;
  // A datagram that never became a packet is accounted for as well.
  void count_dropped(DropReason reason) noexcept;

  HousekeepingContext& context_;
  NeighbourService& neighbours_;
  const UnderlayRoutes& routes_;
  std::vector<Held> held_;                              // in the order of arrival
  std::array<std::uint64_t, most_refusals> refused_{};  // the latest ones; 0: none
  std::size_t next_refusal_ = 0;
  std::uint64_t generation_ = 0;
  std::uint16_t next_identification_ = 0;
  abi::PacketDown slot_;
};

}  // namespace sallyport::dataplane
