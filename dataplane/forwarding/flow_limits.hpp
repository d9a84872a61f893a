// How large the flow table and the table of rates are, for those who make them and for `sallyctl check`. No DPDK in
// here.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace sallyport::dataplane {

inline constexpr std::size_t flow_entry_bytes = 192;
inline constexpr std::size_t flow_bucket_bytes = 64;
inline constexpr std::uint32_t flow_bucket_slots = 8;
// Hosts on inside ports share so many identities, which lie behind those of the peers.
inline constexpr std::uint32_t inside_flow_identities = 4096;
// Slots for rates in use: of each identity and rule one.
inline constexpr std::uint32_t rate_slot_count = 1U << 16;
inline constexpr std::size_t rate_slot_bytes = 32;

struct FlowLimits {
  std::uint32_t max_flows;
  std::uint32_t workers;
  std::uint32_t max_identities;  // identities are below it: those of peers, and inside_flow_identities

  // What lies in the workers' rings is no flow, so there is more of it.
  [[nodiscard]] constexpr std::uint32_t ring_target() const noexcept {
    return std::clamp(max_flows / (4 * workers), 64U, 4096U);
  }
  [[nodiscard]] constexpr std::uint32_t entries() const noexcept { return max_flows + workers * ring_target(); }
  // A power of two, half full at most.
  [[nodiscard]] constexpr std::uint32_t buckets() const noexcept {
    return std::bit_ceil(std::max(entries() / (flow_bucket_slots / 2), 2U));
  }
  [[nodiscard]] constexpr std::size_t bytes() const noexcept {
    return entries() * flow_entry_bytes + buckets() * flow_bucket_bytes + max_identities * sizeof(std::uint32_t);
  }
};

}  // namespace sallyport::dataplane
