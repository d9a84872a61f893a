// BLAKE2s (RFC 7693) for the packet path: the MACs and cookies of WireGuard's handshake messages. A key's block is
// hashed once, when the key is made, so that a MAC costs only its message's blocks; eight messages can be done side by
// side. The control plane's Noise handshake uses OpenSSL's BLAKE2s, not this one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace sallyport::dataplane {

using Blake2s256Digest = std::array<std::uint8_t, 32>;
using Blake2s128Mac = std::array<std::uint8_t, 16>;

// HASH(message) of the WireGuard paper, section 5.4: unkeyed, 32 bytes.
[[nodiscard]] Blake2s256Digest blake2s_256(std::span<const std::uint8_t> message) noexcept;

// MAC(key, message) of the WireGuard paper, section 5.4: keyed BLAKE2s with 16 bytes of output. Immutable after
// construction and so safe to use from every thread; wiped when it goes.
class Blake2sMacKey {
 public:
  // 1 to 32 bytes of key; anything else is our own bug (SP_CHECK).
  explicit Blake2sMacKey(std::span<const std::uint8_t> key) noexcept;
  Blake2sMacKey(const Blake2sMacKey&) = delete;
  Blake2sMacKey& operator=(const Blake2sMacKey&) = delete;
  ~Blake2sMacKey();

  // 1 byte of message at least: without one the key's block would have been the last (SP_CHECK).
  [[nodiscard]] Blake2s128Mac mac(std::span<const std::uint8_t> message) const noexcept;

  static constexpr std::size_t lanes = 8;
  // Eight messages of the same length, 1 byte at least, in the time of two or three (with AVX2; without it, one after
  // the other).
  void mac_lanes(const std::array<const std::uint8_t*, lanes>& messages, std::size_t length_bytes,
                 std::array<Blake2s128Mac, lanes>& macs) const noexcept;

 private:
  std::array<std::uint32_t, 8> after_key_block_;
};

}  // namespace sallyport::dataplane
