// The bounds of what a configuration may ask for, each stated once. The dataplane sizes its tables by the same names.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sallyport::config::limits {

inline constexpr std::size_t file_bytes = 64 * 1024 * 1024;
inline constexpr std::size_t name_characters = 63;
inline constexpr std::size_t text_characters = 1024;        // a device string, an identity, a claim, an EAL argument
inline constexpr std::size_t path_characters = 4095;        // PATH_MAX without its NUL
inline constexpr std::size_t socket_path_characters = 107;  // sun_path without its NUL

inline constexpr std::size_t workers = 32;
inline constexpr std::uint16_t highest_core = 1023;  // CPU_SETSIZE - 1
inline constexpr std::size_t eal_args = 64;
inline constexpr std::uint32_t memory_mb_lowest = 16;
inline constexpr std::uint32_t memory_mb_highest = 4 * 1024 * 1024;
inline constexpr std::uint32_t max_peers = 1U << 20;
inline constexpr std::uint32_t max_sessions = 1U << 22;
inline constexpr std::uint32_t max_flows = 1U << 26;
inline constexpr std::uint32_t max_classes = 1U << 16;

inline constexpr std::size_t ports = 16;
inline constexpr std::size_t wireguards = 64;
inline constexpr std::size_t interface_addresses = 8;  // of one port or one WireGuard interface
inline constexpr std::uint16_t rx_queues = 64;
inline constexpr std::size_t host_services = 64;
inline constexpr std::uint16_t vlan_highest = 4094;
inline constexpr std::uint16_t mtu_lowest_v4 = 576;   // what every IPv4 host must accept, RFC 791
inline constexpr std::uint16_t mtu_lowest_v6 = 1280;  // RFC 8200, section 5
inline constexpr std::uint16_t mtu_highest = 9216;

inline constexpr std::size_t routes = 16384;
inline constexpr std::size_t underlay_routes = 1024;  // of those, behind underlay ports
inline constexpr std::size_t allowed_ips = 4096;      // of one peer
inline constexpr std::size_t tags = 64;               // of one peer
inline constexpr std::size_t claims = 64;             // of one peer, and values of one claim
inline constexpr std::size_t pools = 256;
inline constexpr std::size_t pool_prefixes = 16;
inline constexpr std::size_t clusters = 64;
inline constexpr std::size_t ipsec_peers = 65536;
inline constexpr std::size_t ipsec_prefixes = 255;  // traffic selectors fit an 8-bit count, RFC 7296, section 3.13
inline constexpr std::size_t policy_files = 1024;
inline constexpr std::size_t ca_files = 64;
inline constexpr std::size_t enrolment_dns = 8;
inline constexpr std::size_t enrolment_routes = 1024;
inline constexpr std::uint32_t sessions_per_identity = 65536;
inline constexpr std::uint32_t requests_per_s = 100'000;  // of one source, at the enrolment API

}  // namespace sallyport::config::limits
