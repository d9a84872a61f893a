// The compression function of BLAKE2s (RFC 7693, section 3.2), written once for one message (Word is a std::uint32_t)
// and for several side by side (Word is a vector of them). Internal to blake2s.cpp and blake2s_lanes.cpp.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace sallyport::dataplane::blake2s {

inline constexpr std::size_t block_bytes = 64;
inline constexpr std::array<std::uint32_t, 8> initial_state = {0x6A09E667U, 0xBB67AE85U, 0x3C6EF372U, 0xA54FF53AU,
                                                               0x510E527FU, 0x9B05688CU, 0x1F83D9ABU, 0x5BE0CD19U};
inline constexpr std::uint8_t sigma[10][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4}, {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13}, {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11}, {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5}, {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0}};

// G of RFC 7693, section 3.1, with R1..R4 = 16, 12, 8, 7. By reference: a vector passed by value would have two ABIs.
template <typename Word>
[[gnu::always_inline]] inline void mix(Word& a, Word& b, Word& c, Word& d, const Word& x, const Word& y) noexcept {
  a = a + b + x;
  d = d ^ a;
  d = (d >> 16U) | (d << 16U);
  c = c + d;
  b = b ^ c;
  b = (b >> 12U) | (b << 20U);
  a = a + b + y;
  d = d ^ a;
  d = (d >> 8U) | (d << 24U);
  c = c + d;
  b = b ^ c;
  b = (b >> 7U) | (b << 25U);
}

// F of RFC 7693, section 3.2. `hashed_bytes` counts all bytes up to and with this block, the key's block included;
// messages here are packets, so 32 bits of it suffice.
template <typename Word>
[[gnu::always_inline]] inline void compress(Word (&h)[8], const Word (&m)[16], std::uint32_t hashed_bytes,
                                            bool last) noexcept {
  Word v[16] = {};
  for (unsigned i = 0; i < 8; ++i) {
    v[i] = h[i];
    v[i + 8] = Word{} + initial_state[i];
  }
  v[12] = v[12] ^ hashed_bytes;
  if (last) v[14] = ~v[14];
#pragma GCC unroll 10
  for (unsigned round = 0; round < 10; ++round) {
    const auto& s = sigma[round];
    mix(v[0], v[4], v[8], v[12], m[s[0]], m[s[1]]);
    mix(v[1], v[5], v[9], v[13], m[s[2]], m[s[3]]);
    mix(v[2], v[6], v[10], v[14], m[s[4]], m[s[5]]);
    mix(v[3], v[7], v[11], v[15], m[s[6]], m[s[7]]);
    mix(v[0], v[5], v[10], v[15], m[s[8]], m[s[9]]);
    mix(v[1], v[6], v[11], v[12], m[s[10]], m[s[11]]);
    mix(v[2], v[7], v[8], v[13], m[s[12]], m[s[13]]);
    mix(v[3], v[4], v[9], v[14], m[s[14]], m[s[15]]);
  }
  for (unsigned i = 0; i < 8; ++i) h[i] = h[i] ^ v[i] ^ v[i + 8];
}

// blake2s_rows.cpp. True if the processor has what compress_rows_avx512 needs.
[[nodiscard]] bool rows_supported() noexcept;
// The same as compress for one message.
void compress_rows_avx512(std::uint32_t (&h)[8], const std::uint32_t (&m)[16], std::uint32_t hashed_bytes,
                          bool last) noexcept;

// blake2s_lanes.cpp. True if the processor has what hash_lanes_avx2 needs.
[[nodiscard]] bool lanes_supported() noexcept;
// Continues `state`, in which `hashed_bytes` are hashed already, with eight messages of `length_bytes` (1 at least) and
// writes the first 16 bytes of each digest.
void hash_lanes_avx2(const std::array<std::uint32_t, 8>& state, std::uint32_t hashed_bytes,
                     const std::array<const std::uint8_t*, 8>& messages, std::size_t length_bytes,
                     std::array<std::array<std::uint8_t, 16>, 8>& digests) noexcept;

}  // namespace sallyport::dataplane::blake2s
