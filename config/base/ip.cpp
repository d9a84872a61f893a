#include "config/base/ip.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace sallyport {
namespace {

template <typename Integer>
std::optional<Integer> parse_decimal(std::string_view text) {
  Integer value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The bytes that a prefix of this length keeps of byte number `index`.
std::uint8_t mask_byte(unsigned length, unsigned index) noexcept {
  const unsigned kept = length > index * 8 ? std::min(8U, length - index * 8) : 0;
  return static_cast<std::uint8_t>(0xff00U >> kept);
}

}  // namespace

IpAddress IpAddress::v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) noexcept {
  return {.bytes = {a, b, c, d}, .family = IpFamily::v4};
}

IpAddress IpAddress::v4_from_bytes(const std::uint8_t* four_bytes) noexcept {
  IpAddress address{.family = IpFamily::v4};
  std::memcpy(address.bytes.data(), four_bytes, 4);
  return address;
}

IpAddress IpAddress::v6_from_bytes(const std::uint8_t* sixteen_bytes) noexcept {
  IpAddress address{.family = IpFamily::v6};
  std::memcpy(address.bytes.data(), sixteen_bytes, 16);
  return address;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  char buffer[INET6_ADDRSTRLEN];
  if (text.empty() || text.size() >= sizeof buffer || text.find('\0') != std::string_view::npos) return std::nullopt;
  std::memcpy(buffer, text.data(), text.size());
  buffer[text.size()] = '\0';
  std::uint8_t bytes[16];
  if (inet_pton(AF_INET, buffer, bytes) == 1) return v4_from_bytes(bytes);
  if (inet_pton(AF_INET6, buffer, bytes) == 1) return v6_from_bytes(bytes);
  return std::nullopt;
}

bool IpAddress::valid() const noexcept {
  const auto all_zero_from = [this](std::size_t first) {
    return std::all_of(bytes.begin() + static_cast<std::ptrdiff_t>(first), bytes.end(), [](auto b) { return b == 0; });
  };
  switch (family) {
    case IpFamily::none:
      return all_zero_from(0);
    case IpFamily::v4:
      return all_zero_from(4);
    case IpFamily::v6:
      return true;
  }
  return false;
}

bool IpAddress::is_unspecified() const noexcept {
  return is_set() && std::all_of(bytes.begin(), bytes.end(), [](auto b) { return b == 0; });
}

bool IpAddress::is_loopback() const noexcept {
  if (is_v4()) return bytes[0] == 127;
  return is_v6() && bytes[15] == 1 && std::all_of(bytes.begin(), bytes.begin() + 15, [](auto b) { return b == 0; });
}

bool IpAddress::is_multicast() const noexcept {
  return is_v4() ? (bytes[0] & 0xf0) == 0xe0 : is_v6() && bytes[0] == 0xff;
}

bool IpAddress::is_link_local() const noexcept {
  if (is_v4()) return bytes[0] == 169 && bytes[1] == 254;
  return is_v6() && bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
}

std::string IpAddress::to_string() const {
  char buffer[INET6_ADDRSTRLEN];
  if (!is_set()) return "none";
  return inet_ntop(is_v4() ? AF_INET : AF_INET6, bytes.data(), buffer, sizeof buffer);
}

std::optional<IpPrefix> IpPrefix::parse(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto address = IpAddress::parse(text.substr(0, slash));
  const auto length = parse_decimal<std::uint8_t>(text.substr(slash + 1));
  if (!address || !length || *length > address->bits()) return std::nullopt;
  return IpPrefix{*address, *length};
}

IpPrefix IpPrefix::host(const IpAddress& address) noexcept {
  return {address, static_cast<std::uint8_t>(address.bits())};
}

IpPrefix IpPrefix::network() const noexcept {
  IpPrefix result = *this;
  for (unsigned i = 0; i < 16; ++i) result.address.bytes[i] &= mask_byte(length, i);
  return result;
}

bool IpPrefix::contains(const IpAddress& candidate) const noexcept {
  if (candidate.family != address.family) return false;
  for (unsigned i = 0; i * 8 < length; ++i)
    if (((candidate.bytes[i] ^ address.bytes[i]) & mask_byte(length, i)) != 0) return false;
  return true;
}

bool IpPrefix::contains(const IpPrefix& other) const noexcept {
  return other.length >= length && contains(other.address);
}

std::string IpPrefix::to_string() const {
  return address.to_string() + '/' + std::to_string(length);
}

std::optional<IpEndpoint> IpEndpoint::parse(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  const auto address = IpAddress::parse(host);
  const auto port = parse_decimal<std::uint16_t>(text.substr(colon + 1));
  if (!address || !port || *port == 0 || address->is_v6() != bracketed) return std::nullopt;
  return IpEndpoint{.address = *address, .port = *port};
}

std::string IpEndpoint::to_string() const {
  const std::string host = address.to_string();
  return (address.is_v6() ? '[' + host + ']' : host) + ':' + std::to_string(port);
}

}  // namespace sallyport
