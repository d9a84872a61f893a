// The MACs of WireGuard's handshake messages (white paper, section 5.4.4) and its denial of service mitigation
// (sections 5.3 and 5.4.7), checked before a handshake message costs the control plane anything. Only public keys and
// cookie secrets are needed, so the dataplane can do all of it. Nothing here allocates; every comparison takes constant
// time.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/crypto/blake2s.hpp"

namespace sallyport::dataplane {

inline constexpr std::size_t handshake_initiation_bytes = 148;  // section 5.4.2
inline constexpr std::size_t handshake_response_bytes = 92;     // section 5.4.3
inline constexpr std::size_t cookie_reply_bytes = 64;           // section 5.4.7
inline constexpr std::size_t cookie_nonce_bytes = 24;
inline constexpr std::size_t cookie_secret_bytes = 32;

// A message that carries MACs, told by its type, its three zero bytes and its exact length. A cookie reply carries
// none.
enum class HandshakeKind : std::uint8_t { none, initiation, response };
[[nodiscard]] HandshakeKind handshake_kind(std::span<const std::uint8_t> message) noexcept;

// msg.mac1 of one WireGuard interface. Immutable, so every worker may share it.
class Mac1Checker {
 public:
  explicit Mac1Checker(std::span<const std::uint8_t, 32> our_public_key) noexcept;

  // `message` is the UDP payload, of any length. False for whatever is not a handshake message with the right mac1.
  [[nodiscard]] bool check_mac1(std::span<const std::uint8_t> message) const noexcept;

  // The same for a burst, initiations eight at a time: under a flood a third of the price. passed[i] answers
  // messages[i]; both spans are of one size, any.
  void check_mac1(std::span<const std::span<const std::uint8_t>> messages, std::span<bool> passed) const noexcept;

 private:
  Blake2sMacKey mac1_key_;  // HASH("mac1----" || our public key)
};

enum class Mac2Result : std::uint8_t {
  absent,  // all zero: the sender has no cookie
  wrong,   // stale, of another address, forged; or not a handshake message
  valid,   // the sender has shown that it receives what is sent to its address
};

// msg.mac2 and cookies of one WireGuard interface under one pair of secrets. Immutable: at the change of secrets, every
// two minutes, the owner replaces the object as it replaces any table that workers read.
class CookieChecker {
 public:
  using Secret = std::span<const std::uint8_t, cookie_secret_bytes>;

  // `current` makes and accepts cookies, `previous` (if any) only accepts them. Not on the packet path.
  CookieChecker(std::span<const std::uint8_t, 32> our_public_key, Secret current,
                std::optional<Secret> previous) noexcept;
  CookieChecker(const CookieChecker&) = delete;
  CookieChecker& operator=(const CookieChecker&) = delete;

  // Call after check_mac1: mac2 covers mac1, but does not replace it. `source_ip` is 4 or 16 bytes as on the wire, the
  // port in host order: those the packet came from.
  [[nodiscard]] Mac2Result check_mac2(std::span<const std::uint8_t> message, std::span<const std::uint8_t> source_ip,
                                      std::uint16_t source_port) const noexcept;

  // The cookie reply to `message`, whose mac1 must have been right. `nonce` is 24 random bytes, fresh for each reply.
  // False, and nothing written, if `message` is no handshake message or `source_ip` no address.
  [[nodiscard]] bool make_cookie_reply(std::span<const std::uint8_t> message, std::span<const std::uint8_t> source_ip,
                                       std::uint16_t source_port,
                                       std::span<const std::uint8_t, cookie_nonce_bytes> nonce,
                                       std::span<std::uint8_t, cookie_reply_bytes> reply) const noexcept;

 private:
  Blake2sMacKey current_;
  std::optional<Blake2sMacKey> previous_;
  Blake2s256Digest cookie_key_;  // HASH("cookie--" || our public key): as public as that key
};

}  // namespace sallyport::dataplane
