// IP addresses, prefixes and endpoints as plain values, one type for both families. They are trivially copyable and
// have no padding, so that the messages between the planes can carry them; a reader of such a message calls valid()
// first.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport {

enum class IpFamily : std::uint8_t { none = 0, v4 = 4, v6 = 6 };

// An address in network byte order. An IPv4 address uses the first 4 bytes and the rest is zero.
struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};
  IpFamily family = IpFamily::none;

  static IpAddress v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) noexcept;
  static IpAddress v4_from_bytes(const std::uint8_t* four_bytes) noexcept;
  static IpAddress v6_from_bytes(const std::uint8_t* sixteen_bytes) noexcept;
  // Dotted quad or RFC 4291 text, nothing else: no zone, no port, no surrounding space.
  static std::optional<IpAddress> parse(std::string_view text);

  [[nodiscard]] bool is_v4() const noexcept { return family == IpFamily::v4; }
  [[nodiscard]] bool is_v6() const noexcept { return family == IpFamily::v6; }
  [[nodiscard]] bool is_set() const noexcept { return family != IpFamily::none; }
  // The family is known and, for IPv4 (and none), the unused bytes are zero.
  [[nodiscard]] bool valid() const noexcept;
  [[nodiscard]] bool is_unspecified() const noexcept;  // 0.0.0.0 or ::
  [[nodiscard]] bool is_loopback() const noexcept;     // 127.0.0.0/8 or ::1
  [[nodiscard]] bool is_multicast() const noexcept;    // 224.0.0.0/4 or ff00::/8
  [[nodiscard]] bool is_link_local() const noexcept;   // 169.254.0.0/16 or fe80::/10
  [[nodiscard]] unsigned bits() const noexcept { return is_v4() ? 32 : is_v6() ? 128 : 0; }
  [[nodiscard]] std::string to_string() const;

  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;
};
static_assert(sizeof(IpAddress) == 17);

// A prefix whose host bits may be set: "10.8.0.1/16" as an interface address. network() clears them.
struct IpPrefix {
  IpAddress address;
  std::uint8_t length = 0;

  // "ADDRESS/LENGTH"; the length is mandatory.
  static std::optional<IpPrefix> parse(std::string_view text);
  static IpPrefix host(const IpAddress& address) noexcept;

  [[nodiscard]] bool valid() const noexcept { return address.is_set() && address.valid() && length <= address.bits(); }
  [[nodiscard]] bool is_host() const noexcept { return address.is_set() && length == address.bits(); }
  [[nodiscard]] bool has_host_bits() const noexcept { return network().address != address; }
  [[nodiscard]] IpPrefix network() const noexcept;
  [[nodiscard]] bool contains(const IpAddress& candidate) const noexcept;
  [[nodiscard]] bool contains(const IpPrefix& other) const noexcept;
  [[nodiscard]] bool overlaps(const IpPrefix& other) const noexcept { return contains(other) || other.contains(*this); }
  [[nodiscard]] std::string to_string() const;

  friend auto operator<=>(const IpPrefix&, const IpPrefix&) = default;
};
static_assert(sizeof(IpPrefix) == 18);

// A UDP or TCP endpoint; the port is in host byte order.
struct IpEndpoint {
  IpAddress address;
  std::uint8_t reserved = 0;
  std::uint16_t port = 0;

  // "192.0.2.1:51820" or "[2001:db8::1]:51820".
  static std::optional<IpEndpoint> parse(std::string_view text);

  [[nodiscard]] bool is_set() const noexcept { return address.is_set(); }
  [[nodiscard]] bool valid() const noexcept { return address.valid() && reserved == 0; }
  [[nodiscard]] std::string to_string() const;

  friend auto operator<=>(const IpEndpoint&, const IpEndpoint&) = default;
};
static_assert(sizeof(IpEndpoint) == 20);

}  // namespace sallyport
