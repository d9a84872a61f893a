// The IP and UDP header that goes before a sealed packet. It is made once per tunnel endpoint; for each packet it is
// copied and three fields are filled in. It holds no MAC: neighbours change under a session. One cache line, trivially
// copyable, so that a seqlock can publish it.
#pragma once

#include "config/base/ip.hpp"
#include "dataplane/packet/checksum.hpp"
#include "dataplane/packet/ipv6.hpp"
#include "dataplane/packet/udp.hpp"

namespace sallyport::dataplane {

inline constexpr std::size_t outer_ipv4_udp_bytes = 28;
inline constexpr std::size_t outer_ipv6_udp_bytes = 48;

struct alignas(64) OuterHeaderTemplate {
  std::array<std::uint8_t, 48> bytes{};
  std::uint8_t header_bytes = 0;  // 28 or 48; 0: no path
  IpFamily family = IpFamily::none;
  bool has_udp_checksum = false;        // always over IPv6 (RFC 8200, section 8.1)
  std::uint16_t ipv4_header_sum = 0;    // native order; over everything but total length, identification and TOS
  std::uint16_t pseudo_header_sum = 0;  // native order; over everything but the UDP length

  [[nodiscard]] bool is_set() const noexcept { return header_bytes != 0; }
};
static_assert(sizeof(OuterHeaderTemplate) == 64 && std::is_trivially_copyable_v<OuterHeaderTemplate>);

// TTL 64, don't-fragment clear as in Linux: a path that is too small must not silence the tunnel. Both endpoints are of
// one family, else the result is not set. Over IPv4 a UDP checksum is a choice (RFC 768); translators to IPv6 drop what
// has none (RFC 7915, section 4.5).
[[nodiscard]] OuterHeaderTemplate make_outer_template(const IpEndpoint& source, const IpEndpoint& destination,
                                                      bool udp_checksum_over_ipv4 = true) noexcept;

// Writes header_bytes bytes at `at`. `identification` makes IPv4 fragments distinct (RFC 6864); ignored for IPv6. The
// IPv4 header checksum is right; the UDP checksum is zero: call one of the two below if the template has one.
inline void write_outer_header(const OuterHeaderTemplate& outer, std::uint8_t* at, std::size_t udp_payload_bytes,
                               std::uint16_t identification, std::uint8_t tos) noexcept {
  const Be16 udp_length{static_cast<std::uint16_t>(udp_payload_bytes + udp_header_bytes)};
  if (outer.family == IpFamily::v4) {
    const Be16 total{static_cast<std::uint16_t>(udp_payload_bytes + outer_ipv4_udp_bytes)};
    const Be16 id{identification};
    std::memcpy(at, outer.bytes.data(), outer_ipv4_udp_bytes);
    at[ipv4_tos_offset] = tos;
    store_wire(at + 2, total);
    store_wire(at + 4, id);
    store_wire(at + ipv4_checksum_offset,
               finish_checksum(ChecksumSum{outer.ipv4_header_sum} + total.raw() + id.raw() + Be16{tos}.raw()));
    store_wire(at + ipv4_header_bytes + 4, udp_length);
  } else {
    std::memcpy(at, outer.bytes.data(), outer_ipv6_udp_bytes);
    at[0] = static_cast<std::uint8_t>(0x60 | tos >> 4);
    at[1] = static_cast<std::uint8_t>((tos & 0x0f) << 4);
    store_wire(at + 4, udp_length);
    store_wire(at + ipv6_header_bytes + 4, udp_length);
  }
}

// Computes the UDP checksum in software; the payload lies behind the header at `at`. Does nothing if the template has
// none.
void write_udp_checksum(const OuterHeaderTemplate& outer, std::uint8_t* at, std::size_t udp_payload_bytes) noexcept;

// For a NIC that completes it: the folded pseudo header sum in the checksum field.
inline void write_udp_checksum_for_offload(const OuterHeaderTemplate& outer, std::uint8_t* at,
                                           std::size_t udp_payload_bytes) noexcept {
  const Be16 length{static_cast<std::uint16_t>(udp_payload_bytes + udp_header_bytes)};
  store_wire(at + outer.header_bytes - 2,
             Be16::from_raw(fold_checksum(ChecksumSum{outer.pseudo_header_sum} + length.raw())));
}

}  // namespace sallyport::dataplane
