// One number for everything that has to be the same in both processes and that a compiler can see: the lists of
// counters, commands and events, the sizes of what lies in shared memory, the bounds. It changes by itself with them,
// so a new drop reason or command is a line in its list and nothing else. What no compiler sees, another meaning of the
// same bytes, raises `version`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "config/base/hash.hpp"
#include "dataplane/abi/command_kind.hpp"
#include "dataplane/abi/commands.hpp"
#include "dataplane/abi/counters.hpp"
#include "dataplane/abi/event_kind.hpp"
#include "dataplane/abi/events.hpp"
#include "dataplane/abi/limits.hpp"
#include "dataplane/abi/packets.hpp"
#include "dataplane/abi/policy_commands.hpp"
#include "dataplane/abi/statistics.hpp"

namespace sallyport::abi {

namespace layout_of {

[[nodiscard]] constexpr std::uint64_t mix(std::uint64_t value, std::string_view text) noexcept {
  return mix_bits(fnv1a<std::uint64_t>(text, value));
}
[[nodiscard]] constexpr std::uint64_t mix(std::uint64_t value, std::uint64_t number) noexcept {
  return mix_bits(value ^ number);
}

[[nodiscard]] constexpr std::uint64_t everything() noexcept {
  std::uint64_t value = mix(fnv1a_basis<std::uint64_t>, std::uint64_t{version});
  for (const CounterInfo& counter : counter_infos) value = mix(value, counter.name);
#define SALLYPORT_MIX(number, kind, Payload) \
  value = mix(mix(value, #kind), std::uint64_t{number} << 32 | sizeof(Payload));
  SALLYPORT_COMMANDS(SALLYPORT_MIX)
  SALLYPORT_EVENTS(SALLYPORT_MIX)
#undef SALLYPORT_MIX
#define SALLYPORT_MIX(name, text) value = mix(value, #name);
  SALLYPORT_REFUSALS(SALLYPORT_MIX)
#undef SALLYPORT_MIX
  for (const std::size_t bytes :
       {sizeof(Command), sizeof(Event), sizeof(PacketUp), sizeof(PacketDown), sizeof(CapturedPacket),
        sizeof(StatisticsHeader), sizeof(CounterBlock), sizeof(WorkerStatus), sizeof(PortStatus),
        sizeof(NeighbourStatus), sizeof(PeerStatus), sizeof(SessionStatus), sizeof(RuleCounters)})
    value = mix(value, std::uint64_t{bytes});
  for (const std::uint64_t bound :
       {std::uint64_t{max_ports}, std::uint64_t{max_workers}, std::uint64_t{max_tunnels}, std::uint64_t{max_addresses},
        std::uint64_t{max_neighbours_shown}, std::uint64_t{max_rules}, std::uint64_t{command_ring_slots},
        std::uint64_t{event_ring_slots}, std::uint64_t{packet_ring_slots}, std::uint64_t{capture_ring_slots},
        std::uint64_t{checkpoint_bytes}})
    value = mix(value, bound);
  return value;
}

}  // namespace layout_of

inline constexpr std::uint64_t layout = layout_of::everything();

}  // namespace sallyport::abi
