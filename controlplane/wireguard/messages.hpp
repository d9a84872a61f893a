// The three handshake messages as values (white paper, sections 5.4.2, 5.4.3 and 5.4.7), and their bytes. Parsing is
// exact: the size, the type and the reserved zero bytes must all be right. Integers on the wire are little-endian.
#pragma once

#include <array>
#include <cstdint>

#include <tl/expected.hpp>

#include "controlplane/wireguard/blake2s.hpp"
#include "controlplane/wireguard/constants.hpp"
#include "controlplane/wireguard/handshake_error.hpp"
#include "controlplane/wireguard/keys.hpp"

namespace sallyport::wireguard {

// A session index that we chose (and the peer sends back to us), and one that the peer chose.
enum class LocalIndex : std::uint32_t {};
enum class RemoteIndex : std::uint32_t {};

// The value of a message's first byte.
enum class MessageType : std::uint8_t { handshake_initiation = 1, handshake_response = 2, cookie_reply = 3 };

using EncryptedStatic = std::array<std::uint8_t, key_bytes + aead_tag_bytes>;
using EncryptedTimestamp = std::array<std::uint8_t, timestamp_bytes + aead_tag_bytes>;
using EncryptedEmpty = std::array<std::uint8_t, aead_tag_bytes>;
using EncryptedCookie = std::array<std::uint8_t, cookie_bytes + aead_tag_bytes>;
using CookieNonce = std::array<std::uint8_t, cookie_nonce_bytes>;

// Indices are raw here: which side chose them depends on the direction in which the message travels.
struct HandshakeInitiation {
  std::uint32_t sender_index = 0;
  PublicKey ephemeral{};
  EncryptedStatic encrypted_static{};
  EncryptedTimestamp encrypted_timestamp{};
  Mac mac1{};
  Mac mac2{};

  friend bool operator==(const HandshakeInitiation&, const HandshakeInitiation&) = default;
};

struct HandshakeResponse {
  std::uint32_t sender_index = 0;
  std::uint32_t receiver_index = 0;
  PublicKey ephemeral{};
  EncryptedEmpty encrypted_empty{};
  Mac mac1{};
  Mac mac2{};

  friend bool operator==(const HandshakeResponse&, const HandshakeResponse&) = default;
};

struct CookieReply {
  std::uint32_t receiver_index = 0;
  CookieNonce nonce{};
  EncryptedCookie encrypted_cookie{};

  friend bool operator==(const CookieReply&, const CookieReply&) = default;
};

using HandshakeInitiationBytes = std::array<std::uint8_t, handshake_initiation_bytes>;
using HandshakeResponseBytes = std::array<std::uint8_t, handshake_response_bytes>;
using CookieReplyBytes = std::array<std::uint8_t, cookie_reply_bytes>;

// The type of a handshake message; wrong_type if the first byte is none of the three (or there is none).
[[nodiscard]] tl::expected<MessageType, HandshakeError> peek_type(Bytes message) noexcept;

// Errors: wrong_size, wrong_type, reserved_not_zero.
[[nodiscard]] tl::expected<HandshakeInitiation, HandshakeError> parse_initiation(Bytes message) noexcept;
[[nodiscard]] tl::expected<HandshakeResponse, HandshakeError> parse_response(Bytes message) noexcept;
[[nodiscard]] tl::expected<CookieReply, HandshakeError> parse_cookie_reply(Bytes message) noexcept;

[[nodiscard]] HandshakeInitiationBytes serialise(const HandshakeInitiation& message) noexcept;
[[nodiscard]] HandshakeResponseBytes serialise(const HandshakeResponse& message) noexcept;
[[nodiscard]] CookieReplyBytes serialise(const CookieReply& message) noexcept;

// MAC1 and MAC2 (section 5.4.4) over the whole bytes of an initiation or a response, whatever its MAC fields hold.
[[nodiscard]] Mac mac1_of(Bytes message, const Hash& mac1_key);
[[nodiscard]] Mac mac2_of(Bytes message, const Mac& cookie);

}  // namespace sallyport::wireguard
