// Eight BLAKE2s states side by side, one in each 32-bit lane of the AVX2 registers. Compiled for AVX2 function by
// function, so that the binary still runs where AVX2 is missing; blake2s.cpp asks before it calls.
#include <algorithm>
#include <cstring>

#include "dataplane/crypto/blake2s_rounds.hpp"

namespace sallyport::dataplane::blake2s {
namespace {

using Words = std::uint32_t __attribute__((vector_size(32)));
constexpr std::size_t lane_count = 8;

[[gnu::always_inline]] inline std::uint32_t load(const std::uint8_t* bytes) noexcept {
  std::uint32_t word;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

}  // namespace

bool lanes_supported() noexcept {
  static const bool supported = __builtin_cpu_supports("avx2") != 0;
  return supported;
}

__attribute__((target("avx2"))) void hash_lanes_avx2(const std::array<std::uint32_t, 8>& state,
                                                     std::uint32_t hashed_bytes,
                                                     const std::array<const std::uint8_t*, 8>& messages,
                                                     std::size_t length_bytes,
                                                     std::array<std::array<std::uint8_t, 16>, 8>& digests) noexcept {
  Words h[8];
  for (unsigned i = 0; i < 8; ++i) h[i] = Words{} + state[i];
  std::array<const std::uint8_t*, lane_count> at = messages;
  std::uint8_t last_blocks[lane_count][block_bytes];
  for (bool last = false; !last;) {
    last = length_bytes <= block_bytes;
    if (last) {
      for (unsigned lane = 0; lane < lane_count; ++lane) {
        std::memcpy(last_blocks[lane], at[lane], length_bytes);
        std::memset(last_blocks[lane] + length_bytes, 0, block_bytes - length_bytes);
        at[lane] = last_blocks[lane];
      }
    }
    Words m[16];
    for (unsigned i = 0; i < 16; ++i)
      m[i] = Words{load(at[0] + 4 * i), load(at[1] + 4 * i), load(at[2] + 4 * i), load(at[3] + 4 * i),
                   load(at[4] + 4 * i), load(at[5] + 4 * i), load(at[6] + 4 * i), load(at[7] + 4 * i)};
    const std::size_t block_length = std::min(length_bytes, block_bytes);
    hashed_bytes += static_cast<std::uint32_t>(block_length);
    compress(h, m, hashed_bytes, last);
    for (const std::uint8_t*& message : at) message += block_length;
    length_bytes -= block_length;
  }
  for (unsigned lane = 0; lane < lane_count; ++lane)
    for (unsigned i = 0; i < 4; ++i) {
      const std::uint32_t word = h[i][lane];
      std::memcpy(digests[lane].data() + 4 * i, &word, sizeof word);
    }
}

}  // namespace sallyport::dataplane::blake2s
