#include "controlplane/api/diagnose/underlay_checks.hpp"

#include "policy/describe.hpp"

namespace sallyport::controlplane::diagnose {
namespace {

constexpr std::chrono::seconds silence_too_long{5};
constexpr std::uint64_t tolerated_losses_per = 1000;  // one of so many
constexpr std::uint64_t tolerated_drops_per = 10;

bool more_than_one_in(std::uint64_t per, std::uint64_t part, std::uint64_t whole) {
  return part > 0 && part > whole / per;
}

}  // namespace

Check check_dataplane(const DataplaneSeen& seen) {
  constexpr std::string_view name = "dataplane";
  if (!seen.connected)
    return {name, Result::failed,
            "no dataplane is connected to the control plane" + (seen.problem.empty() ? "" : ": " + seen.problem)};
  if (seen.silent > silence_too_long)
    return {name, Result::failed,
            "the dataplane has given no sign of life for " + policy::duration_words(seen.silent) + ": it hangs"};
  if (!seen.allows_everything && !seen.image_committed)
    return {name, Result::failed, "the dataplane has no policy yet, and denies everything until it does"};
  if (!seen.allows_everything && !seen.newest_in_force)
    return {name, Result::warning,
            "the dataplane does not have version " + std::to_string(seen.generation) +
                " of the policy yet: packets are decided by the one before"};
  if (seen.under_load)
    return {name, Result::warning, "the dataplane is under a load of handshakes: each of them needs a cookie first"};
  return {name, Result::ok,
          seen.allows_everything
              ? "the dataplane is connected and allows everything"
              : "the dataplane is connected and has version " + std::to_string(seen.generation) + " of the policy"};
}

Check check_port(const PortSeen& seen) {
  constexpr std::string_view name = "port";
  const std::string port = "port " + seen.name;
  if (!seen.link_up)
    return {name, seen.needed ? Result::failed : Result::warning,
            "the link of " + port + " (" + seen.device + ") is down: look at its cable, or at the switch"};
  if (seen.received == 0)
    return {name, Result::warning,
            port + " has not received a single packet: is " + seen.device + " the right device, and the VLAN right?"};
  if (more_than_one_in(tolerated_losses_per, seen.missed, seen.received))
    return {name, Result::warning,
            port + " lost " + std::to_string(seen.missed) + " packets before " + std::to_string(seen.received) +
                " could be taken from it: the workers do not keep up"};
  if (more_than_one_in(tolerated_losses_per, seen.errors, seen.received))
    return {name, Result::warning,
            port + " received " + std::to_string(seen.errors) + " broken packets: a cable, a transceiver or an MTU"};
  if (more_than_one_in(tolerated_drops_per, seen.dropped, seen.received))
    return {name, Result::warning,
            port + " received " + counted(seen.received, "packet") + ", and " + std::to_string(seen.dropped) +
                " were dropped, most often as " + seen.top_drop + " (" + seen.top_drop_text +
                "): " + std::to_string(seen.top_drop_packets)};
  return {name, Result::ok, port + " is up and has received " + counted(seen.received, "packet")};
}

Check check_neighbour(const NeighbourSeen& seen) {
  constexpr std::string_view name = "neighbour";
  const std::string who = seen.whose + ", " + seen.address.to_string() + " at port " + seen.port;
  using State = abi::NeighbourState;
  switch (seen.state) {
    case State::failed:
      return {name, Result::failed,
              who + ", does not answer " + (seen.address.is_v4() ? "ARP" : "neighbour solicitations") +
                  ": it is off, in another VLAN, or not its address"};
    case State::incomplete:
      return {name, Result::warning, who + ", was asked for its MAC address and has not answered yet"};
    case State::reachable:
    case State::stale:
    case State::delay:
    case State::probe:
      return {name, Result::ok, who + ", has answered"};
    case State::none:
      break;
  }
  return {name, Result::unknown, who + ", was not asked for its MAC address: no packet had to go there"};
}

}  // namespace sallyport::controlplane::diagnose
