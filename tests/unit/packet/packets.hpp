// Packets for tests, built byte by byte with a slow checksum of their own, so that the product never judges itself.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "config/base/ip.hpp"
#include "dataplane/packet/ip_parse.hpp"

namespace sallyport::dataplane::test {

using Bytes = std::vector<std::uint8_t>;

inline Bytes operator+(Bytes left, const Bytes& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

inline IpAddress ip(std::string_view text) {
  return *IpAddress::parse(text);
}

// RFC 1071, literally: 16-bit words, carries folded at the end.
inline std::uint16_t slow_checksum(const Bytes& bytes) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) sum += std::uint64_t{bytes[i]} << (i % 2 == 0 ? 8 : 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

inline void put16(Bytes& bytes, std::size_t at, std::size_t value) {
  bytes[at] = static_cast<std::uint8_t>(value >> 8);
  bytes[at + 1] = static_cast<std::uint8_t>(value);
}
inline unsigned get16(std::span<const std::uint8_t> bytes, std::size_t at) {
  return bytes[at] << 8U | bytes[at + 1];
}

inline Bytes address_bytes(const IpAddress& address) {
  return {address.bytes.begin(), address.bytes.begin() + (address.is_v4() ? 4 : 16)};
}

struct V4 {
  std::string_view source = "10.8.0.2";
  std::string_view destination = "10.0.0.7";
  unsigned protocol = 17;
  unsigned ttl = 64;
  unsigned tos = 0;
  unsigned fragment = 0;  // flags and offset
  Bytes options = {};
};

inline void fix_v4_checksum(Bytes& packet) {
  const std::size_t header = (packet[0] & 15U) * 4;
  put16(packet, 10, 0);
  put16(packet, 10, slow_checksum({packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(header)}));
}

inline Bytes v4(const V4& f, const Bytes& payload) {
  Bytes header(20);
  header[0] = static_cast<std::uint8_t>(0x40 | (20 + f.options.size()) / 4);
  header[1] = static_cast<std::uint8_t>(f.tos);
  put16(header, 2, 20 + f.options.size() + payload.size());
  put16(header, 4, 0x1234);
  put16(header, 6, f.fragment);
  header[8] = static_cast<std::uint8_t>(f.ttl);
  header[9] = static_cast<std::uint8_t>(f.protocol);
  const Bytes source = address_bytes(ip(f.source)), destination = address_bytes(ip(f.destination));
  std::copy(source.begin(), source.end(), header.begin() + 12);
  std::copy(destination.begin(), destination.end(), header.begin() + 16);
  Bytes packet = header + f.options + payload;
  fix_v4_checksum(packet);
  return packet;
}

struct V6 {
  std::string_view source = "fd08::2";
  std::string_view destination = "fd00::7";
  unsigned next_header = 17;
  unsigned hop_limit = 64;
  unsigned traffic_class = 0;
};

inline Bytes v6(const V6& f, const Bytes& payload) {
  Bytes header(8);
  header[0] = static_cast<std::uint8_t>(0x60 | f.traffic_class >> 4);
  header[1] = static_cast<std::uint8_t>((f.traffic_class & 15) << 4);
  put16(header, 4, payload.size());
  header[6] = static_cast<std::uint8_t>(f.next_header);
  header[7] = static_cast<std::uint8_t>(f.hop_limit);
  return header + address_bytes(ip(f.source)) + address_bytes(ip(f.destination)) + payload;
}

// The transport checksum of an unfragmented packet without extension headers; 0 when the field is right.
inline std::uint16_t slow_l4_checksum(const Bytes& packet) {
  const bool is_v4 = packet[0] >> 4 == 4;
  const std::size_t l4 = is_v4 ? (packet[0] & 15U) * 4 : 40;
  const std::size_t end = is_v4 ? get16(packet, 2) : 40 + get16(packet, 4);
  const unsigned protocol = is_v4 ? packet[9] : packet[6];
  Bytes pseudo;
  if (protocol != 1) {
    const auto at = packet.begin() + (is_v4 ? 12 : 8);
    pseudo.assign(at, at + (is_v4 ? 8 : 32));
    const std::size_t length = end - l4;
    pseudo = pseudo + Bytes{0, static_cast<std::uint8_t>(protocol), static_cast<std::uint8_t>(length >> 8),
                            static_cast<std::uint8_t>(length)};
  }
  return slow_checksum(pseudo + Bytes(packet.begin() + static_cast<std::ptrdiff_t>(l4),
                                      packet.begin() + static_cast<std::ptrdiff_t>(end)));
}

// Fills the transport checksum, which lies `offset` bytes into the transport header.
inline Bytes with_l4_checksum(Bytes packet, std::size_t offset) {
  const std::size_t l4 = packet[0] >> 4 == 4 ? (packet[0] & 15U) * 4 : 40;
  put16(packet, l4 + offset, 0);
  put16(packet, l4 + offset, slow_l4_checksum(packet));
  return packet;
}

inline Bytes udp(unsigned source_port, unsigned destination_port, const Bytes& payload) {
  Bytes header(8);
  put16(header, 0, source_port);
  put16(header, 2, destination_port);
  put16(header, 4, 8 + payload.size());
  return header + payload;
}

inline Bytes tcp(unsigned flags, const Bytes& options, const Bytes& payload = {}) {
  Bytes header(20);
  put16(header, 0, 40000);
  put16(header, 2, 443);
  header[12] = static_cast<std::uint8_t>((20 + options.size()) / 4 << 4);
  header[13] = static_cast<std::uint8_t>(flags);
  put16(header, 14, 65535);
  return header + options + payload;
}

inline ParsedIp parsed(const Bytes& packet, unsigned flags = parse_default) {
  ParsedIp result;
  const IpParseError error = parse_ip(packet, result, flags);
  if (error != IpParseError::none) throw error;
  return result;
}

}  // namespace sallyport::dataplane::test
