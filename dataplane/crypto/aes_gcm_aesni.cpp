// AES-GCM a block in each vector, with AES-NI and PCLMULQDQ in their three-operand forms (AVX). Compiled with flags of
// its own: see meson.build, and the rules that follow from it in lanes.hpp.
#include "dataplane/crypto/aes_gcm_lanes.hpp"

namespace sallyport::dataplane::gcm {
namespace {

struct Aesni {
  using Vector = __m128i;
  static constexpr unsigned blocks = 1;

  SP_LANES_INLINE static Vector zero() noexcept { return _mm_setzero_si128(); }
  SP_LANES_INLINE static Vector load(const void* from) noexcept { return load_block(from); }
  SP_LANES_INLINE static void store(void* to, Vector v) noexcept { store_block(to, v); }
  SP_LANES_INLINE static Vector load_partly(const void* from, unsigned) noexcept { return load_block(from); }
  SP_LANES_INLINE static void store_partly(void* to, Vector v, unsigned) noexcept { store_block(to, v); }
  SP_LANES_INLINE static Vector broadcast(__m128i block) noexcept { return block; }
  SP_LANES_INLINE static Vector widen(__m128i block) noexcept { return block; }
  SP_LANES_INLINE static __m128i sum_of_lanes(Vector v) noexcept { return v; }
  SP_LANES_INLINE static __m128i last_lane(Vector v) noexcept { return v; }
  SP_LANES_INLINE static Vector bit_xor(Vector a, Vector b) noexcept { return _mm_xor_si128(a, b); }
  SP_LANES_INLINE static Vector bit_and(Vector a, Vector b) noexcept { return _mm_and_si128(a, b); }
  SP_LANES_INLINE static Vector reverse(Vector v) noexcept { return reverse_block(v); }
  SP_LANES_INLINE static Vector swap_halves(Vector v) noexcept { return gcm::swap_halves(v); }
  SP_LANES_INLINE static Vector aes(Vector v, Vector key) noexcept { return _mm_aesenc_si128(v, key); }
  SP_LANES_INLINE static Vector aes_last(Vector v, Vector key) noexcept { return _mm_aesenclast_si128(v, key); }
  template <int halves>
  SP_LANES_INLINE static Vector multiply(Vector a, Vector b) noexcept {
    return _mm_clmulepi64_si128(a, b, halves);
  }
};

bool aesni_is_supported() noexcept {
  return __builtin_cpu_supports("aes") != 0 && __builtin_cpu_supports("pclmul") != 0 &&
         __builtin_cpu_supports("avx") != 0;
}
void seal_by_aesni(Packet* packets, unsigned count) noexcept {
  for_all<Aesni, false>(packets, count);
}
void open_by_aesni(Packet* packets, unsigned count) noexcept {
  for_all<Aesni, true>(packets, count);
}

}  // namespace

const Way aesni = {.name = "aesni",
                   .needs = "AES-NI, PCLMULQDQ and AVX",
                   .supported = aesni_is_supported,
                   .make_powers = make_powers,
                   .seal = seal_by_aesni,
                   .open = open_by_aesni};

}  // namespace sallyport::dataplane::gcm
