// The bounds of what a policy may ask for, each stated once, besides those of the dataplane (dataplane/abi).
#pragma once

#include <cstddef>
#include <cstdint>

#include "config/limits.hpp"
#include "dataplane/abi/policy_commands.hpp"

namespace sallyport::policy::limits {

inline constexpr std::size_t bundle_bytes = 64 * 1024 * 1024;  // of all files together
inline constexpr std::size_t files = config::limits::policy_files;

inline constexpr std::size_t rules = abi::max_rules - 1;
inline constexpr std::size_t services = abi::max_services - 1;
inline constexpr std::size_t groups = 65536;
inline constexpr std::size_t issuers = 1024;
inline constexpr std::size_t postures = 4096;
inline constexpr std::size_t tests = 65536;

inline constexpr std::size_t members = 65536;  // of one group, and selectors of one rule or service as written
// What groups come to in all rules and services together: half a GiB of memory.
inline constexpr std::size_t resolved_selectors = 1U << 21;
// What all groups come to, each by itself, with the groups in it.
inline constexpr std::size_t resolved_members = 1U << 23;

inline constexpr std::size_t service_prefixes = 4096;
inline constexpr std::size_t written_ports = 1024;  // of one service; abi::max_service_ports are left after merging
inline constexpr std::size_t conditions = 64;       // of one posture, and postures of one rule
inline constexpr std::size_t hours = 64;            // of one rule
inline constexpr std::size_t test_targets = 4096;   // of one list
inline constexpr std::size_t trust_domains = 256;   // of one issuer

inline constexpr std::uint32_t highest_priority = 1'000'000;
inline constexpr std::uint64_t lowest_rate_bits_per_s = 8'000;

}  // namespace sallyport::policy::limits
