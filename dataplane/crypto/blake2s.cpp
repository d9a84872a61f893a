#include "dataplane/crypto/blake2s.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "config/base/check.hpp"
#include "dataplane/crypto/blake2s_rounds.hpp"

namespace sallyport::dataplane {
namespace {

static_assert(std::endian::native == std::endian::little, "words are loaded as they stand in memory");

using State = std::array<std::uint32_t, 8>;

// Parameter block of RFC 7693, section 2.5: digest length, key length, fanout 1, depth 1.
State start(std::uint32_t digest_bytes, std::uint32_t key_bytes) noexcept {
  State state = blake2s::initial_state;
  state[0] ^= 0x01010000U ^ (key_bytes << 8U) ^ digest_bytes;
  return state;
}

void compress_block(std::uint32_t (&h)[8], const std::uint8_t* block, std::uint32_t hashed_bytes, bool last) noexcept {
  std::uint32_t m[16];
  std::memcpy(m, block, sizeof m);
  if (blake2s::rows_supported()) return blake2s::compress_rows_avx512(h, m, hashed_bytes, last);
  blake2s::compress(h, m, hashed_bytes, last);
}

// Hashes `message` to its end; an empty one is a last block of zeros.
State hash(const State& state, std::uint32_t hashed_bytes, std::span<const std::uint8_t> message) noexcept {
  std::uint32_t h[8];
  std::copy(state.begin(), state.end(), h);
  while (message.size() > blake2s::block_bytes) {
    hashed_bytes += blake2s::block_bytes;
    compress_block(h, message.data(), hashed_bytes, false);
    message = message.subspan(blake2s::block_bytes);
  }
  std::array<std::uint8_t, blake2s::block_bytes> last{};
  std::copy(message.begin(), message.end(), last.begin());
  compress_block(h, last.data(), hashed_bytes + static_cast<std::uint32_t>(message.size()), true);
  State result;
  std::copy(std::begin(h), std::end(h), result.begin());
  return result;
}

template <std::size_t N>
std::array<std::uint8_t, N> first_bytes(const State& state) noexcept {
  std::array<std::uint8_t, N> bytes;
  std::memcpy(bytes.data(), state.data(), N);
  return bytes;
}

}  // namespace

Blake2s256Digest blake2s_256(std::span<const std::uint8_t> message) noexcept {
  return first_bytes<32>(hash(start(32, 0), 0, message));
}

Blake2sMacKey::Blake2sMacKey(std::span<const std::uint8_t> key) noexcept {
  SP_CHECK(!key.empty() && key.size() <= 32);
  std::array<std::uint8_t, blake2s::block_bytes> key_block{};
  std::copy(key.begin(), key.end(), key_block.begin());
  const State initial = start(16, static_cast<std::uint32_t>(key.size()));
  std::uint32_t h[8];
  std::copy(initial.begin(), initial.end(), h);
  compress_block(h, key_block.data(), blake2s::block_bytes, false);
  std::copy(std::begin(h), std::end(h), after_key_block_.begin());
  explicit_bzero(key_block.data(), key_block.size());
}

Blake2sMacKey::~Blake2sMacKey() {
  explicit_bzero(after_key_block_.data(), sizeof after_key_block_);
}

Blake2s128Mac Blake2sMacKey::mac(std::span<const std::uint8_t> message) const noexcept {
  SP_CHECK(!message.empty());
  return first_bytes<16>(hash(after_key_block_, blake2s::block_bytes, message));
}

void Blake2sMacKey::mac_lanes(const std::array<const std::uint8_t*, lanes>& messages, std::size_t length_bytes,
                              std::array<Blake2s128Mac, lanes>& macs) const noexcept {
  if (blake2s::lanes_supported()) {
    blake2s::hash_lanes_avx2(after_key_block_, blake2s::block_bytes, messages, length_bytes, macs);
    return;
  }
  for (std::size_t lane = 0; lane < lanes; ++lane) macs[lane] = mac({messages[lane], length_bytes});
}

}  // namespace sallyport::dataplane
