// Sixteen packets side by side, with AVX-512 (F, BW, VL). Compiled with flags of its own: see meson.build, and the
// rules that follow from it in lanes.hpp.
#include "dataplane/crypto/chacha20_poly1305_lanes.hpp"

namespace sallyport::dataplane::lanes {
namespace {

struct Avx512 {
  using Vector = __m512i;
  static constexpr bool room_for_two_states = true;
  static constexpr unsigned lanes = 16;

  SP_LANES_INLINE static Vector load(const void* from) noexcept { return _mm512_loadu_si512(from); }
  SP_LANES_INLINE static void store(void* to, Vector v) noexcept { _mm512_storeu_si512(to, v); }
  SP_LANES_INLINE static Vector set32(std::uint32_t value) noexcept {
    return _mm512_set1_epi32(static_cast<int>(value));
  }
  SP_LANES_INLINE static Vector set64(std::uint64_t value) noexcept {
    return _mm512_set1_epi64(static_cast<long long>(value));
  }
  SP_LANES_INLINE static Vector widen(const std::uint32_t* from) noexcept {
    return _mm512_cvtepu32_epi64(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
  }
  SP_LANES_INLINE static Vector add32(Vector a, Vector b) noexcept { return _mm512_add_epi32(a, b); }
  SP_LANES_INLINE static Vector add64(Vector a, Vector b) noexcept { return _mm512_add_epi64(a, b); }
  SP_LANES_INLINE static Vector sub64(Vector a, Vector b) noexcept { return _mm512_sub_epi64(a, b); }
  SP_LANES_INLINE static Vector multiply32(Vector a, Vector b) noexcept { return _mm512_mul_epu32(a, b); }
  SP_LANES_INLINE static Vector bit_xor(Vector a, Vector b) noexcept { return _mm512_xor_si512(a, b); }
  SP_LANES_INLINE static Vector bit_and(Vector a, Vector b) noexcept { return _mm512_and_si512(a, b); }
  SP_LANES_INLINE static Vector bit_or(Vector a, Vector b) noexcept { return _mm512_or_si512(a, b); }
  SP_LANES_INLINE static void settle(Vector& v) noexcept { __asm__("" : "+v"(v)); }
  template <int bits>
  SP_LANES_INLINE static Vector right32(Vector v) noexcept {
    return _mm512_srli_epi32(v, bits);
  }
  template <int bits>
  SP_LANES_INLINE static Vector left32(Vector v) noexcept {
    return _mm512_slli_epi32(v, bits);
  }
  template <int bits>
  SP_LANES_INLINE static Vector right64(Vector v) noexcept {
    return _mm512_srli_epi64(v, bits);
  }
  template <int bits>
  SP_LANES_INLINE static Vector left64(Vector v) noexcept {
    return _mm512_slli_epi64(v, bits);
  }
  template <int bits>
  SP_LANES_INLINE static Vector rotate_left(Vector v) noexcept {
    return _mm512_rol_epi32(v, bits);
  }
  SP_LANES_INLINE static void diagonal_round(Vector (&x)[16]) noexcept { quarter_rounds<Avx512, 0, 4, 1>(x); }
  SP_LANES_INLINE static void double_rounds(Vector (&x)[16], int count) noexcept {
#pragma GCC unroll 1
    for (int i = 0; i < count; ++i) {
      quarter_rounds<Avx512, 0, 4, 0>(x);
      diagonal_round(x);
#pragma GCC unroll 16
      for (Vector& word : x) settle(word);
    }
  }
  SP_LANES_INLINE static Vector unpack_low32(Vector a, Vector b) noexcept {
    return _mm512_unpacklo_epi32(a, b);
  }
  SP_LANES_INLINE static Vector unpack_high32(Vector a, Vector b) noexcept {
    return _mm512_unpackhi_epi32(a, b);
  }
  SP_LANES_INLINE static Vector unpack_low64(Vector a, Vector b) noexcept {
    return _mm512_unpacklo_epi64(a, b);
  }
  SP_LANES_INLINE static Vector unpack_high64(Vector a, Vector b) noexcept {
    return _mm512_unpackhi_epi64(a, b);
  }

  // 16 bytes from each of four pointers, `stride` apart.
  SP_LANES_INLINE static Vector load_16_bytes_each(const std::uint8_t* const* at, unsigned stride,
                                                   std::size_t offset) noexcept {
    const auto load_one = [&](unsigned i) {
      return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at[i * stride] + offset));
    };
    const Vector one = _mm512_castsi128_si512(load_one(0));
    const Vector two = _mm512_inserti32x4(one, load_one(1), 1);
    const Vector three = _mm512_inserti32x4(two, load_one(2), 2);
    return _mm512_inserti32x4(three, load_one(3), 3);
  }

  // Rows of four lanes from x[i], x[4 + i], x[8 + i] and x[12 + i], which hold their bytes 16 c to 16 c + 15.
  SP_LANES_INLINE static void rows_of(const Vector (&x)[16], unsigned i, Vector (&rows)[4]) noexcept {
    const Vector low01 = _mm512_shuffle_i32x4(x[i], x[4 + i], 0x44),
                 low23 = _mm512_shuffle_i32x4(x[8 + i], x[12 + i], 0x44);
    const Vector high01 = _mm512_shuffle_i32x4(x[i], x[4 + i], 0xee),
                 high23 = _mm512_shuffle_i32x4(x[8 + i], x[12 + i], 0xee);
    rows[0] = _mm512_shuffle_i32x4(low01, low23, 0x88), rows[1] = _mm512_shuffle_i32x4(low01, low23, 0xdd);
    rows[2] = _mm512_shuffle_i32x4(high01, high23, 0x88), rows[3] = _mm512_shuffle_i32x4(high01, high23, 0xdd);
  }

  template <unsigned begin, unsigned end>
  SP_LANES_INLINE static void xor_whole_rows(const Vector (&x)[16], std::uint8_t* const (&text)[lanes],
                                             std::size_t offset) noexcept {
#pragma GCC unroll 4
    for (unsigned i = begin; i < end; ++i) {
      Vector rows[4];
      rows_of(x, i, rows);
#pragma GCC unroll 4
      for (unsigned j = 0; j < 4; ++j) {
        std::uint8_t* const at = text[4 * j + i] + offset;
        store(at, bit_xor(load(at), rows[j]));
      }
    }
  }

  SP_LANES_INLINE static void xor_rows(const Vector (&x)[16], std::uint8_t* const (&text)[lanes],
                                       const std::uint32_t (&bytes)[lanes],
                                       std::uint8_t (&)[most_lanes][chacha_block_bytes]) noexcept {
#pragma GCC unroll 4
    for (unsigned i = 0; i < 4; ++i) {
      Vector rows[4];
      rows_of(x, i, rows);
#pragma GCC unroll 4
      for (unsigned j = 0; j < 4; ++j) {
        const unsigned lane = 4 * j + i;
        if (bytes[lane] == chacha_block_bytes) {
          store(text[lane], bit_xor(load(text[lane]), rows[j]));
        } else if (bytes[lane] != 0) {
          const __mmask64 these = (1ULL << bytes[lane]) - 1;
          const Vector part = _mm512_maskz_loadu_epi8(these, text[lane]);
          _mm512_mask_storeu_epi8(text[lane], these, bit_xor(part, rows[j]));
        }
      }
    }
  }
};

bool avx512_supported() noexcept {
  return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
         __builtin_cpu_supports("avx512vl") != 0;
}
void seal_avx512(LanePacket* packets, unsigned count, Scratch& scratch) noexcept {
  seal_packets<Avx512>(packets, count, scratch);
}
void open_avx512(LanePacket* packets, unsigned count, Scratch& scratch) noexcept {
  open_packets<Avx512>(packets, count, scratch);
}

}  // namespace

constinit const Width avx512 = {"avx512", "AVX-512 (F, BW, VL)", Avx512::lanes, 5,
                                14,       avx512_supported,      seal_avx512,   open_avx512};

}  // namespace sallyport::dataplane::lanes
