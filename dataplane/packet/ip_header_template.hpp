// The outer headers that go before a sealed packet: IP, and UDP where the tunnel goes in it. They are made once per
// tunnel endpoint; for each packet they are copied and three fields are filled in. No MAC: neighbours change under a
// session. One cache line, trivially copyable, so that a seqlock can publish it.
#pragma once

#include "config/base/ip.hpp"
#include "dataplane/packet/checksum.hpp"
#include "dataplane/packet/ipv6.hpp"
#include "dataplane/packet/udp.hpp"

namespace sallyport::dataplane {

struct alignas(64) OuterHeaderTemplate {
  std::array<std::uint8_t, 48> bytes{};
  std::uint8_t header_bytes = 0;  // 0: no path
  IpFamily family = IpFamily::none;
  bool has_udp = false;
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
// Without UDP: the payload is of this IP protocol. The ports count for nothing.
[[nodiscard]] OuterHeaderTemplate make_outer_template_without_udp(const IpAddress& source, const IpAddress& destination,
                                                                  IpProtocol protocol) noexcept;

// Writes header_bytes bytes at `at`. `identification` makes IPv4 fragments distinct (RFC 6864); ignored for IPv6. The
// IPv4 header checksum is right; the UDP checksum is zero: call one of the two below if the template has one.
inline void write_outer_header(const OuterHeaderTemplate& outer, std::uint8_t* at, std::size_t payload_bytes,
                               std::uint16_t identification, std::uint8_t tos) noexcept {
  std::size_t udp_offset;
  if (outer.family == IpFamily::v4) {
    udp_offset = ipv4_header_bytes;
    const Be16 total{static_cast<std::uint16_t>(payload_bytes + outer.header_bytes)};
    const Be16 id{identification};
    std::memcpy(at, outer.bytes.data(), ipv4_header_bytes);
    at[ipv4_tos_offset] = tos;
    store_wire(at + 2, total);
    store_wire(at + 4, id);
    store_wire(at + ipv4_checksum_offset,
               finish_checksum(ChecksumSum{outer.ipv4_header_sum} + total.raw() + id.raw() + Be16{tos}.raw()));
  } else {
    udp_offset = ipv6_header_bytes;
    std::memcpy(at, outer.bytes.data(), ipv6_header_bytes);
    at[0] = static_cast<std::uint8_t>(0x60 | tos >> 4);
    at[1] = static_cast<std::uint8_t>((tos & 0x0f) << 4);
    store_wire(at + 4, Be16{static_cast<std::uint16_t>(payload_bytes + outer.header_bytes - ipv6_header_bytes)});
  }
  if (!outer.has_udp) return;
  std::memcpy(at + udp_offset, outer.bytes.data() + udp_offset, udp_header_bytes);
  store_wire(at + udp_offset + 4, Be16{static_cast<std::uint16_t>(payload_bytes + udp_header_bytes)});
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
