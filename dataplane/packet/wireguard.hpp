// WireGuard's messages as they lie on the wire: the white paper, section 5.4. Only what the dataplane looks at is
// spelled out; the contents of handshakes belong to the control plane.
#pragma once

#include <optional>

#include "dataplane/packet/byte_order.hpp"
#include "dataplane/packet/reader.hpp"

namespace sallyport::dataplane {

enum class WireguardMessage : std::uint8_t {
  invalid = 0,
  initiation = 1,
  response = 2,
  cookie_reply = 3,
  data = 4,
};

inline constexpr std::size_t wireguard_initiation_bytes = 148;
inline constexpr std::size_t wireguard_response_bytes = 92;
inline constexpr std::size_t wireguard_cookie_reply_bytes = 64;
inline constexpr std::size_t wireguard_tag_bytes = 16;
inline constexpr std::size_t wireguard_padding_bytes = 16;

struct WireguardDataHeader {
  WireguardMessage type = WireguardMessage::data;
  std::array<std::uint8_t, 3> reserved{};
  Le32 receiver_index;
  Le64 counter;
};
inline constexpr std::size_t wireguard_data_header_bytes = 16;
static_assert(sizeof(WireguardDataHeader) == wireguard_data_header_bytes && WireStruct<WireguardDataHeader>);
inline constexpr std::size_t wireguard_data_overhead_bytes = wireguard_data_header_bytes + wireguard_tag_bytes;

// The header of what is a data message; nothing: it is something else, or too short for one.
[[nodiscard]] inline std::optional<WireguardDataHeader> load_wireguard_data_header(
    std::span<const std::uint8_t> message) noexcept {
  if (message.size() < wireguard_data_header_bytes) return std::nullopt;
  const auto header = load_wire<WireguardDataHeader>(message.data());
  if (header.type != WireguardMessage::data || header.reserved != std::array<std::uint8_t, 3>{}) return std::nullopt;
  return header;
}

// What a UDP payload is, judged by type, reserved bytes and length: handshakes have one length each, data at least its
// header and tag (a keepalive is exactly that).
[[nodiscard]] inline WireguardMessage classify_wireguard(std::span<const std::uint8_t> payload) noexcept {
  if (payload.size() < wireguard_data_overhead_bytes) return WireguardMessage::invalid;
  // Type and reserved bytes as one little-endian word, as the paper's section 5.4 suggests.
  switch (load_wire<Le32>(payload.data()).host()) {
    case 4:
      return WireguardMessage::data;
    case 1:
      return payload.size() == wireguard_initiation_bytes ? WireguardMessage::initiation : WireguardMessage::invalid;
    case 2:
      return payload.size() == wireguard_response_bytes ? WireguardMessage::response : WireguardMessage::invalid;
    case 3:
      return payload.size() == wireguard_cookie_reply_bytes ? WireguardMessage::cookie_reply
                                                            : WireguardMessage::invalid;
    default:
      return WireguardMessage::invalid;
  }
}

// The plaintext length after padding to 16, never beyond the tunnel's MTU (white paper, section 5.4.6).
[[nodiscard]] constexpr std::size_t wireguard_padded_bytes(std::size_t plaintext_bytes,
                                                           std::size_t tunnel_mtu) noexcept {
  const std::size_t padded = (plaintext_bytes + wireguard_padding_bytes - 1) & ~(wireguard_padding_bytes - 1);
  if (padded <= tunnel_mtu) return padded;
  return plaintext_bytes > tunnel_mtu ? plaintext_bytes : tunnel_mtu;
}

}  // namespace sallyport::dataplane
