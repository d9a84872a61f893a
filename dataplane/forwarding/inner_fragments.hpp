// What was decided about the first fragment of an inner datagram, for the later ones, which have no ports. Each worker
// has its own table, so all fragments of a datagram must come to the same worker.
//
// A table of sets of four. A new datagram takes a free or expired place; if there is none, it takes the one least
// lately used of the ingress that has most places in the set, the newcomer counted. So who floods pushes out its own
// datagrams, and of others at most what they have beyond their share of the set.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/packet/ip_parse.hpp"

namespace sallyport::dataplane {

// RFC 791 section 3.2 and RFC 8200 section 4.5: what tells datagrams apart. The protocol counts for IPv4 alone: in an
// IPv6 fragment it may be anything but in the first one. Without padding, so that it is hashed and compared as bytes.
struct InnerFragmentKey {
  std::array<std::uint8_t, 16> source{};  // IPv4: the first four bytes
  std::array<std::uint8_t, 16> destination{};
  std::uint32_t identification = 0;
  std::uint32_t ingress = 0;  // the caller's code for a peer or an inside port
  IpProtocol protocol{};
  IpFamily family = IpFamily::none;
  std::array<std::uint8_t, 6> reserved{};

  // Of a fragment that parse_ip accepted (ip.is_fragment).
  [[nodiscard]] static InnerFragmentKey of(std::uint32_t ingress, std::span<const std::uint8_t> packet,
                                           const ParsedIp& ip) noexcept;
  friend bool operator==(const InnerFragmentKey&, const InnerFragmentKey&) noexcept = default;
};
static_assert(sizeof(InnerFragmentKey) == 48);

struct alignas(64) InnerFragmentEntry {
  InnerFragmentKey key;
  std::uint64_t value;
  std::uint64_t expires_at_tsc;  // 0: free
  std::uint64_t used_at_tsc;
  std::uint32_t first_bytes;
};
static_assert(sizeof(InnerFragmentEntry) == 128);

// RFC 8200 section 4.5 and RFC 1122 section 3.3.2 let a receiver wait for 60 s; what comes so late is given up here.
inline constexpr std::uint64_t inner_fragment_lifetime_s = 30;

class InnerFragments {
 public:
  static constexpr std::uint32_t ways = 4;

  // `entries` are zeroed, number a power of two of at least 4, and outlive the table. The seed is secret.
  InnerFragments(std::span<InnerFragmentEntry> entries, std::uint64_t tsc_hz, std::uint64_t hash_seed) noexcept;

  // The first fragment was decided. `first_bytes`: what it carries of the datagram (fragment_payload_bytes).
  void remember(const InnerFragmentKey& key, std::uint64_t value, std::uint32_t first_bytes,
                std::uint64_t now_tsc) noexcept;

  // What was remembered, for a later fragment at `offset_bytes`; nothing too if it overlaps the first one, whose ports
  // it could change behind our back (RFC 3128; RFC 8200 section 4.5 lets no fragments overlap).
  [[nodiscard]] std::optional<std::uint64_t> find(const InnerFragmentKey& key, std::uint32_t offset_bytes,
                                                  std::uint64_t now_tsc) noexcept;

 private:
  [[nodiscard]] std::span<InnerFragmentEntry, ways> set_of(const InnerFragmentKey& key) noexcept;

  std::span<InnerFragmentEntry> entries_;
  std::uint64_t lifetime_ticks_;
  std::uint64_t seed_;
};

}  // namespace sallyport::dataplane
