// GHASH (NIST SP 800-38D, section 6.4) over vectors of one or more blocks. Blocks are byte-reversed and multiplied as
// POLYVAL does (RFC 8452, appendix A): no bit has to be mirrored. Products of a run of blocks with falling powers of H
// are summed as they are, and reduced once. A template on the vector: see lanes.hpp for the rules that follow.
#pragma once

#include "dataplane/crypto/gcm_packets.hpp"
#include "dataplane/crypto/lanes.hpp"

namespace sallyport::dataplane::gcm {
namespace {

SP_LANES_INLINE __m128i load_block(const void* from) noexcept {
  return _mm_loadu_si128(static_cast<const __m128i*>(from));
}
SP_LANES_INLINE void store_block(void* to, __m128i block) noexcept {
  _mm_storeu_si128(static_cast<__m128i*>(to), block);
}
SP_LANES_INLINE __m128i reverse_block(__m128i block) noexcept {
  return _mm_shuffle_epi8(block, _mm_setr_epi8(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0));
}
SP_LANES_INLINE __m128i swap_halves(__m128i block) noexcept {
  return _mm_shuffle_epi32(block, 0x4e);
}

// 256 bits to 128: twice, the lower 64 bits are made zero by a multiple of x^128 + x^127 + x^126 + x^121 + 1, and left
// out.
SP_LANES_INLINE __m128i reduce(__m128i low, __m128i middle, __m128i high) noexcept {
  const __m128i polynomial = _mm_set_epi64x(0, static_cast<long long>(0xc200000000000000U));
  middle = _mm_xor_si128(middle, _mm_xor_si128(low, high));
  low = _mm_xor_si128(low, _mm_slli_si128(middle, 8));
  high = _mm_xor_si128(high, _mm_srli_si128(middle, 8));
  low = _mm_xor_si128(swap_halves(low), _mm_clmulepi64_si128(low, polynomial, 0x00));
  low = _mm_xor_si128(swap_halves(low), _mm_clmulepi64_si128(low, polynomial, 0x00));
  return _mm_xor_si128(high, low);
}

// The sum of a run's products, by Karatsuba: the middle one still holds the two others. Lanes are summed at the end.
template <class V>
struct Sums {
  using Vector = typename V::Vector;
  Vector low = V::zero(), middle = V::zero(), high = V::zero();

  // Byte-reversed blocks, of which the first is multiplied with H to the `power`.
  SP_LANES_INLINE void add(Vector blocks, const HashPowers& powers, unsigned power) noexcept {
    add(blocks, V::load(powers.powers[most_powers - power]), V::load(powers.folded[most_powers - power]));
  }
  SP_LANES_INLINE void add_block(__m128i block, const HashPowers& powers, unsigned power) noexcept {
    add(V::widen(block), V::widen(load_block(powers.powers[most_powers - power])),
        V::widen(load_block(powers.folded[most_powers - power])));
  }
  [[nodiscard]] SP_LANES_INLINE __m128i reduced() const noexcept {
    return reduce(V::sum_of_lanes(low), V::sum_of_lanes(middle), V::sum_of_lanes(high));
  }

 private:
  SP_LANES_INLINE void add(Vector blocks, Vector power, Vector folded) noexcept {
    low = V::bit_xor(low, V::template multiply<0x00>(blocks, power));
    high = V::bit_xor(high, V::template multiply<0x11>(blocks, power));
    middle = V::bit_xor(middle, V::template multiply<0x00>(V::bit_xor(blocks, V::swap_halves(blocks)), folded));
  }
};

// H is the cipher's answer to zeros; times x, in the field of POLYVAL, which takes no branch.
inline void make_powers(const std::uint8_t* round_keys, unsigned rounds, HashPowers& powers) noexcept {
  __m128i h = load_block(round_keys);
  for (unsigned round = 1; round < rounds; ++round) h = _mm_aesenc_si128(h, load_block(round_keys + 16 * round));
  h = reverse_block(_mm_aesenclast_si128(h, load_block(round_keys + 16 * rounds)));
  const __m128i overflow = _mm_shuffle_epi32(_mm_srai_epi32(h, 31), 0xff);
  const __m128i carry = _mm_slli_si128(_mm_srli_epi64(h, 63), 8);
  h = _mm_or_si128(_mm_slli_epi64(h, 1), carry);
  h = _mm_xor_si128(h, _mm_and_si128(overflow, _mm_set_epi64x(static_cast<long long>(0xc200000000000000U), 1)));
  __m128i power = h;
  for (unsigned i = most_powers; i-- > 0;) {
    store_block(powers.powers[i], power);
    const __m128i folded = _mm_xor_si128(power, swap_halves(power));
    store_block(powers.folded[i], folded);
    power = reduce(_mm_clmulepi64_si128(power, h, 0x00),
                   _mm_clmulepi64_si128(folded, _mm_xor_si128(h, swap_halves(h)), 0x00),
                   _mm_clmulepi64_si128(power, h, 0x11));
  }
}

}  // namespace
}  // namespace sallyport::dataplane::gcm
