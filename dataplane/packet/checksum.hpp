// The Internet checksum: RFC 1071, incremental update by RFC 1624, pseudo headers of RFC 768/9293 and RFC 8200. Sums
// are kept in native byte order, which one's complement arithmetic permits (RFC 1071 section 2 B), so nothing is
// swapped.
#pragma once

#include "dataplane/packet/byte_order.hpp"
#include "dataplane/packet/ipv4.hpp"
#include "dataplane/packet/reader.hpp"

namespace sallyport::dataplane {

// An unfolded sum. Parts may be added in any order; every part but the last must have an even length.
using ChecksumSum = std::uint64_t;

[[nodiscard]] constexpr std::uint16_t fold_checksum(ChecksumSum sum) noexcept {
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);
}

// Any length, any alignment. An odd last byte counts as if a zero followed.
[[nodiscard]] ChecksumSum add_to_checksum(ChecksumSum sum, std::span<const std::uint8_t> bytes) noexcept;

[[nodiscard]] inline Be16 finish_checksum(ChecksumSum sum) noexcept {
  return Be16::from_raw(static_cast<std::uint16_t>(~fold_checksum(sum)));
}

// Zero means "not computed" in UDP, so a sum of zero is sent as all ones.
[[nodiscard]] inline Be16 finish_udp_checksum(ChecksumSum sum) noexcept {
  const Be16 checksum = finish_checksum(sum);
  return checksum.raw() == 0 ? Be16{0xffff} : checksum;
}

[[nodiscard]] inline Be16 internet_checksum(std::span<const std::uint8_t> bytes) noexcept {
  return finish_checksum(add_to_checksum(0, bytes));
}

// True when the bytes, their checksum field included, sum to all ones.
[[nodiscard]] inline bool checksum_holds(ChecksumSum sum) noexcept {
  return fold_checksum(sum) == 0xffff;
}

// Five fixed loads: the header that nearly every packet has.
[[nodiscard]] inline ChecksumSum ipv4_header_sum(const std::uint8_t* twenty_bytes) noexcept {
  std::uint64_t first, second;
  std::uint32_t third;
  std::memcpy(&first, twenty_bytes, 8);
  std::memcpy(&second, twenty_bytes + 8, 8);
  std::memcpy(&third, twenty_bytes + 16, 4);
  return (first & 0xffffffff) + (first >> 32) + (second & 0xffffffff) + (second >> 32) + third;
}

// RFC 1624 equation 3: HC' = ~(~HC + ~m + m').
[[nodiscard]] inline Be16 update_checksum(Be16 checksum, Be16 before, Be16 after) noexcept {
  const std::uint32_t sum = static_cast<std::uint16_t>(~checksum.raw()) +
                            static_cast<std::uint32_t>(static_cast<std::uint16_t>(~before.raw())) + after.raw();
  return finish_checksum(sum);
}

// `length` is that of the transport header and payload, in bytes.
[[nodiscard]] inline ChecksumSum pseudo_header_sum(const Ipv4Bytes& source, const Ipv4Bytes& destination,
                                                   IpProtocol protocol, std::uint32_t length) noexcept {
  return ChecksumSum{std::bit_cast<std::uint32_t>(source)} + std::bit_cast<std::uint32_t>(destination) +
         Be16{static_cast<std::uint16_t>(protocol)}.raw() + Be32{length}.raw();
}

[[nodiscard]] inline ChecksumSum pseudo_header_sum(const Ipv6Bytes& source, const Ipv6Bytes& destination,
                                                   IpProtocol protocol, std::uint32_t length) noexcept {
  return add_to_checksum(
      add_to_checksum(Be16{static_cast<std::uint16_t>(protocol)}.raw() + ChecksumSum{Be32{length}.raw()}, source),
      destination);
}

}  // namespace sallyport::dataplane
