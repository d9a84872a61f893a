// AES-GCM two blocks in each vector, with VAES and VPCLMULQDQ on 256 bits. Compiled with flags of its own: see
// meson.build, and the rules that follow from it in lanes.hpp.
#include "dataplane/crypto/aes_gcm_lanes.hpp"

namespace sallyport::dataplane::gcm {
namespace {

struct Vaes {
  using Vector = __m256i;
  static constexpr unsigned blocks = 2;

  SP_LANES_INLINE static Vector zero() noexcept { return _mm256_setzero_si256(); }
  SP_LANES_INLINE static Vector load(const void* from) noexcept {
    return _mm256_loadu_si256(static_cast<const __m256i*>(from));
  }
  SP_LANES_INLINE static void store(void* to, Vector v) noexcept { _mm256_storeu_si256(static_cast<__m256i*>(to), v); }
  // A block is readable and writable behind the bytes; behind less than one, that is no vector.
  SP_LANES_INLINE static Vector load_partly(const void* from, unsigned bytes) noexcept {
    return bytes < block_bytes ? widen(load_block(from)) : load(from);
  }
  SP_LANES_INLINE static void store_partly(void* to, Vector v, unsigned bytes) noexcept {
    if (bytes < block_bytes)
      store_block(to, _mm256_castsi256_si128(v));
    else
      store(to, v);
  }
  SP_LANES_INLINE static Vector broadcast(__m128i block) noexcept { return _mm256_broadcastsi128_si256(block); }
  SP_LANES_INLINE static Vector widen(__m128i block) noexcept { return _mm256_zextsi128_si256(block); }
  SP_LANES_INLINE static __m128i last_lane(Vector v) noexcept { return _mm256_extracti128_si256(v, 1); }
  SP_LANES_INLINE static __m128i sum_of_lanes(Vector v) noexcept {
    return _mm_xor_si128(_mm256_castsi256_si128(v), last_lane(v));
  }
  SP_LANES_INLINE static Vector bit_xor(Vector a, Vector b) noexcept { return _mm256_xor_si256(a, b); }
  SP_LANES_INLINE static Vector bit_and(Vector a, Vector b) noexcept { return _mm256_and_si256(a, b); }
  SP_LANES_INLINE static Vector reverse(Vector v) noexcept {
    return _mm256_shuffle_epi8(v, broadcast(_mm_setr_epi8(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)));
  }
  SP_LANES_INLINE static Vector swap_halves(Vector v) noexcept { return _mm256_shuffle_epi32(v, 0x4e); }
  SP_LANES_INLINE static Vector aes(Vector v, Vector key) noexcept { return _mm256_aesenc_epi128(v, key); }
  SP_LANES_INLINE static Vector aes_last(Vector v, Vector key) noexcept { return _mm256_aesenclast_epi128(v, key); }
  template <int halves>
  SP_LANES_INLINE static Vector multiply(Vector a, Vector b) noexcept {
    return _mm256_clmulepi64_epi128(a, b, halves);
  }
};

bool vaes_is_supported() noexcept {
  return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("vpclmulqdq") != 0 &&
         __builtin_cpu_supports("vaes") != 0;
}
void seal_by_vaes(Packet* packets, unsigned count) noexcept {
  for_all<Vaes, false>(packets, count);
}
void open_by_vaes(Packet* packets, unsigned count) noexcept {
  for_all<Vaes, true>(packets, count);
}

}  // namespace

const Way vaes = {.name = "vaes",
                  .needs = "AVX2, VAES and VPCLMULQDQ",
                  .supported = vaes_is_supported,
                  .make_powers = make_powers,
                  .seal = seal_by_vaes,
                  .open = open_by_vaes};

}  // namespace sallyport::dataplane::gcm
