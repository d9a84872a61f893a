// Integers as they lie on the wire. They convert to and from host order only when asked (`host()`, the explicit
// constructor), have alignment 1, and so may be members of the wire structs that a Reader copies.
#pragma once

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>

namespace sallyport::dataplane {

template <std::unsigned_integral Integer>
constexpr Integer swap_bytes(Integer value) noexcept {
  if constexpr (sizeof(Integer) == 1) return value;
  if constexpr (sizeof(Integer) == 2) return __builtin_bswap16(value);
  if constexpr (sizeof(Integer) == 4) return __builtin_bswap32(value);
  if constexpr (sizeof(Integer) == 8) return __builtin_bswap64(value);
}

template <std::unsigned_integral Integer, std::endian order>
struct WireInteger {
  std::array<std::uint8_t, sizeof(Integer)> bytes{};

  constexpr WireInteger() noexcept = default;
  constexpr explicit WireInteger(Integer host_order) noexcept
      : bytes(std::bit_cast<decltype(bytes)>(convert(host_order))) {}

  [[nodiscard]] constexpr Integer host() const noexcept { return convert(raw()); }
  // The bytes as they lie, seen as a native integer: for checksums and comparisons with zero.
  [[nodiscard]] constexpr Integer raw() const noexcept { return std::bit_cast<Integer>(bytes); }
  [[nodiscard]] static constexpr WireInteger from_raw(Integer raw_order) noexcept {
    WireInteger result;
    result.bytes = std::bit_cast<decltype(bytes)>(raw_order);
    return result;
  }

  friend constexpr bool operator==(const WireInteger&, const WireInteger&) noexcept = default;

 private:
  static constexpr Integer convert(Integer value) noexcept {
    return order == std::endian::native ? value : swap_bytes(value);
  }
};

using Be16 = WireInteger<std::uint16_t, std::endian::big>;
using Be32 = WireInteger<std::uint32_t, std::endian::big>;
using Be64 = WireInteger<std::uint64_t, std::endian::big>;
// WireGuard is little endian on the wire.
using Le32 = WireInteger<std::uint32_t, std::endian::little>;
using Le64 = WireInteger<std::uint64_t, std::endian::little>;
static_assert(sizeof(Be64) == 8 && alignof(Be64) == 1 && alignof(Be16) == 1);

// Addresses as they lie in a header, for the packet path; the slow path uses IpAddress.
using Ipv4Bytes = std::array<std::uint8_t, 4>;
using Ipv6Bytes = std::array<std::uint8_t, 16>;

}  // namespace sallyport::dataplane
