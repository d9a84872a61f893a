// The numbers and states of neighbour unreachability detection, RFC 4861 sections 7.3.2 and 10, used for ARP as well.
#pragma once

#include <cstdint>

#include "config/base/clock.hpp"

namespace sallyport::dataplane {

enum class NeighbourState : std::uint8_t {
  none = 0,    // the slot is free
  incomplete,  // asked, no answer yet: packets wait
  reachable,   // answered within reachable_ns
  stale,       // known, usable, not confirmed lately
  delay,       // stale and in use: asked soon
  probe,       // being asked, once by unicast and then everybody; still usable
  failed,      // did not answer: packets are dropped for failed_holdoff_ns, then asked again
};
[[nodiscard]] const char* to_string(NeighbourState state) noexcept;

struct NeighbourTimers {
  std::uint64_t retransmit_ns = second_ns;  // RETRANS_TIMER
  std::uint32_t max_solicitations = 3;      // MAX_MULTICAST_SOLICIT and MAX_UNICAST_SOLICIT
  // REACHABLE_TIME, which RFC 4861 sets to 30 s for hosts, whose upper layers confirm. Workers see no such thing, so a
  // neighbour that is in use is asked this often: what moved to another MAC without a word is found in some six
  // seconds.
  std::uint64_t reachable_ns = 5 * second_ns;
  std::uint64_t delay_ns = 5 * second_ns;                 // DELAY_FIRST_PROBE_TIME
  std::uint64_t failed_holdoff_ns = 1 * second_ns;        // ours: between a failure and the next attempt
  std::uint64_t failed_lifetime_ns = 20 * second_ns;      // ours: then the entry goes
  std::uint64_t stale_lifetime_ns = 600 * second_ns;      // ours: unused for so long, the entry goes
  std::uint64_t scan_interval_ns = 100 * millisecond_ns;  // ours: how exact the timers are
};

}  // namespace sallyport::dataplane
