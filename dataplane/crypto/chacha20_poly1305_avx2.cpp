// Eight packets side by side, with AVX2. Compiled with flags of its own: see meson.build, and the rules that follow
// from it in lanes.hpp.
#include "dataplane/crypto/chacha20_poly1305_lanes.hpp"

namespace sallyport::dataplane::lanes {
namespace {

struct Avx2 {
  using Vector = __m256i;
  static constexpr bool room_for_two_states = false;
  static constexpr unsigned lanes = 8;

  SP_LANES_INLINE static Vector load(const void* from) noexcept {
    return _mm256_loadu_si256(static_cast<const __m256i*>(from));
  }
  SP_LANES_INLINE static void store(void* to, Vector v) noexcept { _mm256_storeu_si256(static_cast<__m256i*>(to), v); }
  SP_LANES_INLINE static Vector set32(std::uint32_t value) noexcept {
    return _mm256_set1_epi32(static_cast<int>(value));
  }
  SP_LANES_INLINE static Vector set64(std::uint64_t value) noexcept {
    return _mm256_set1_epi64x(static_cast<long long>(value));
  }
  SP_LANES_INLINE static Vector widen(const std::uint32_t* from) noexcept {
    return _mm256_cvtepu32_epi64(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
  }
  SP_LANES_INLINE static Vector add32(Vector a, Vector b) noexcept { return _mm256_add_epi32(a, b); }
  SP_LANES_INLINE static Vector add64(Vector a, Vector b) noexcept { return _mm256_add_epi64(a, b); }
  SP_LANES_INLINE static Vector sub64(Vector a, Vector b) noexcept { return _mm256_sub_epi64(a, b); }
  SP_LANES_INLINE static Vector multiply32(Vector a, Vector b) noexcept { return _mm256_mul_epu32(a, b); }
  SP_LANES_INLINE static Vector bit_xor(Vector a, Vector b) noexcept { return _mm256_xor_si256(a, b); }
  SP_LANES_INLINE static Vector bit_and(Vector a, Vector b) noexcept { return _mm256_and_si256(a, b); }
  SP_LANES_INLINE static Vector bit_or(Vector a, Vector b) noexcept { return _mm256_or_si256(a, b); }
  SP_LANES_INLINE static void settle(Vector& v) noexcept { __asm__("" : "+x"(v)); }
  template <int bits>
  SP_LANES_INLINE static Vector right32(Vector v) noexcept {
    return _mm256_srli_epi32(v, bits);
  }
  template <int bits>
  SP_LANES_INLINE static Vector left32(Vector v) noexcept {
    return _mm256_slli_epi32(v, bits);
  }
  template <int bits>
  SP_LANES_INLINE static Vector right64(Vector v) noexcept {
    return _mm256_srli_epi64(v, bits);
  }
  template <int bits>
  SP_LANES_INLINE static Vector left64(Vector v) noexcept {
    return _mm256_slli_epi64(v, bits);
  }
  template <int bits>
  SP_LANES_INLINE static Vector rotate_left(Vector v) noexcept {
    if constexpr (bits == 16)
      return _mm256_shuffle_epi8(v, _mm256_setr_epi8(2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13, 2, 3, 0, 1,
                                                     6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13));
    if constexpr (bits == 8)
      return _mm256_shuffle_epi8(v, _mm256_setr_epi8(3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14, 3, 0, 1, 2,
                                                     7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14));
    return bit_or(left32<bits>(v), right32<32 - bits>(v));
  }
  // Sixteen registers hold two words less than the state and what a quarter round needs besides: of the third row, two
  // words wait in memory while the other two are worked on. Left alone, gcc moves three times as much.
  SP_LANES_INLINE static void put_away(Vector& to, Vector v) noexcept { __asm__("vmovdqa %1, %0" : "=m"(to) : "x"(v)); }
  SP_LANES_INLINE static Vector take_back(const Vector& from) noexcept {
    Vector v;
    __asm__("vmovdqa %1, %0" : "=x"(v) : "m"(from));
    return v;
  }
  SP_LANES_INLINE static void diagonal_round(Vector (&x)[16]) noexcept {
    Vector away[2];
    put_away(away[0], x[8]), put_away(away[1], x[9]);
    quarter_rounds<Avx2, 0, 2, 1>(x);
    x[8] = take_back(away[0]), x[9] = take_back(away[1]);
    put_away(away[0], x[10]), put_away(away[1], x[11]);
    quarter_rounds<Avx2, 2, 2, 1>(x);
    x[10] = take_back(away[0]), x[11] = take_back(away[1]);
  }
  SP_LANES_INLINE static void double_rounds(Vector (&x)[16], int count) noexcept {
    Vector low[2], high[2];
    put_away(high[0], x[10]), put_away(high[1], x[11]);
#pragma GCC unroll 1
    for (int i = 0; i < count; ++i) {
      quarter_rounds<Avx2, 0, 2, 0>(x);
      put_away(low[0], x[8]), put_away(low[1], x[9]);
      x[10] = take_back(high[0]), x[11] = take_back(high[1]);
      quarter_rounds<Avx2, 2, 2, 0>(x);
      quarter_rounds<Avx2, 0, 2, 1>(x);
      put_away(high[0], x[10]), put_away(high[1], x[11]);
      x[8] = take_back(low[0]), x[9] = take_back(low[1]);
      quarter_rounds<Avx2, 2, 2, 1>(x);
#pragma GCC unroll 16
      for (int word = 0; word < 16; ++word)
        if (word != 10 && word != 11) settle(x[word]);
    }
    x[10] = take_back(high[0]), x[11] = take_back(high[1]);
  }
  SP_LANES_INLINE static Vector unpack_low32(Vector a, Vector b) noexcept {
    return _mm256_unpacklo_epi32(a, b);
  }
  SP_LANES_INLINE static Vector unpack_high32(Vector a, Vector b) noexcept {
    return _mm256_unpackhi_epi32(a, b);
  }
  SP_LANES_INLINE static Vector unpack_low64(Vector a, Vector b) noexcept {
    return _mm256_unpacklo_epi64(a, b);
  }
  SP_LANES_INLINE static Vector unpack_high64(Vector a, Vector b) noexcept {
    return _mm256_unpackhi_epi64(a, b);
  }

  // 16 bytes from each of two pointers, `stride` apart.
  SP_LANES_INLINE static Vector load_16_bytes_each(const std::uint8_t* const* at, unsigned stride,
                                                   std::size_t offset) noexcept {
    const auto load_one = [&](unsigned i) {
      return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at[i * stride] + offset));
    };
    return _mm256_inserti128_si256(_mm256_castsi128_si256(load_one(0)), load_one(1), 1);
  }

  SP_LANES_INLINE static void xor_16(std::uint8_t* text, const std::uint8_t* row) noexcept {
    const __m128i sum = _mm_xor_si128(_mm_loadu_si128(reinterpret_cast<const __m128i*>(text)),
                                      _mm_loadu_si128(reinterpret_cast<const __m128i*>(row)));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(text), sum);
  }

  SP_LANES_INLINE static void xor_some(std::uint8_t* text, const std::uint8_t* row, std::uint32_t bytes) noexcept {
    for (; bytes >= 16; bytes -= 16, text += 16, row += 16) xor_16(text, row);
    if (bytes == 0) return;
    std::uint64_t words[2], keystream[2];
    load_last_block(text, bytes, words[0], words[1]);
    std::memcpy(keystream, row, sizeof keystream);
    words[0] ^= keystream[0], words[1] ^= keystream[1];
    std::uint8_t block[16];
    std::memcpy(block, words, sizeof block);
    std::uint32_t done = 0;
    if ((bytes & 8) != 0) std::memcpy(text, block, 8), done = 8;
    if ((bytes & 4) != 0) std::memcpy(text + done, block + done, 4), done += 4;
    if ((bytes & 2) != 0) std::memcpy(text + done, block + done, 2), done += 2;
    if ((bytes & 1) != 0) text[done] = block[done];
  }

  // x[i], x[4 + i], x[8 + i] and x[12 + i] hold bytes 16 c to 16 c + 15 of lanes i and 4 + i.
  SP_LANES_INLINE static void rows_of(const Vector (&x)[16], unsigned i, Vector (&halves)[2][2]) noexcept {
    halves[0][0] = _mm256_permute2x128_si256(x[i], x[4 + i], 0x20);
    halves[0][1] = _mm256_permute2x128_si256(x[8 + i], x[12 + i], 0x20);
    halves[1][0] = _mm256_permute2x128_si256(x[i], x[4 + i], 0x31);
    halves[1][1] = _mm256_permute2x128_si256(x[8 + i], x[12 + i], 0x31);
  }

  template <unsigned begin, unsigned end>
  SP_LANES_INLINE static void xor_whole_rows(const Vector (&x)[16], std::uint8_t* const (&text)[lanes],
                                             std::size_t offset) noexcept {
#pragma GCC unroll 4
    for (unsigned i = begin; i < end; ++i) {
      Vector halves[2][2];
      rows_of(x, i, halves);
#pragma GCC unroll 2
      for (unsigned j = 0; j < 2; ++j) {
        std::uint8_t* const at = text[4 * j + i] + offset;
        store(at, bit_xor(load(at), halves[j][0]));
        store(at + 32, bit_xor(load(at + 32), halves[j][1]));
      }
    }
  }

  SP_LANES_INLINE static void xor_rows(const Vector (&x)[16], std::uint8_t* const (&text)[lanes],
                                       const std::uint32_t (&bytes)[lanes],
                                       std::uint8_t (&rows)[most_lanes][chacha_block_bytes]) noexcept {
#pragma GCC unroll 4
    for (unsigned i = 0; i < 4; ++i) {
      Vector halves[2][2];
      rows_of(x, i, halves);
#pragma GCC unroll 2
      for (unsigned j = 0; j < 2; ++j) {
        const unsigned lane = 4 * j + i;
        if (bytes[lane] == chacha_block_bytes) {
          store(text[lane], bit_xor(load(text[lane]), halves[j][0]));
          store(text[lane] + 32, bit_xor(load(text[lane] + 32), halves[j][1]));
        } else {
          store(rows[lane], halves[j][0]);
          store(rows[lane] + 32, halves[j][1]);
          xor_some(text[lane], rows[lane], bytes[lane]);
        }
      }
    }
  }
};

bool avx2_supported() noexcept {
  return __builtin_cpu_supports("avx2") != 0;
}
void seal_avx2(LanePacket* packets, unsigned count, Scratch& scratch) noexcept {
  seal_packets<Avx2>(packets, count, scratch);
}
void open_avx2(LanePacket* packets, unsigned count, Scratch& scratch) noexcept {
  open_packets<Avx2>(packets, count, scratch);
}

}  // namespace

constinit const Width avx2 = {"avx2", "AVX2", Avx2::lanes, 4, 3, avx2_supported, seal_avx2, open_avx2};

}  // namespace sallyport::dataplane::lanes
