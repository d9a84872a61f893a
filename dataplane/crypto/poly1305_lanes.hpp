// Poly1305 (RFC 8439, section 2.5) with a packet in each 64-bit lane of a vector: the arithmetic. For
// poly1305_packets_lanes.hpp.
#pragma once

#include "dataplane/crypto/lanes.hpp"

namespace sallyport::dataplane::lanes {
namespace {

// Five limbs of 26 bits in 64-bit lanes. 5 r stands ready for what leaves the top: 2^130 is 5.
template <class V>
struct Multiplier {
  typename V::Vector r[5];
  typename V::Vector r5[5];  // the first is not used
};

template <class V>
SP_LANES_INLINE void multiplier_of(const typename V::Vector (&r)[5], Multiplier<V>& multiplier) noexcept {
  for (int i = 0; i < 5; ++i) {
    multiplier.r[i] = r[i];
    multiplier.r5[i] = V::multiply32(r[i], V::set64(5));
  }
}

// d += h * by. gcc would compute all products of a loop's body before it adds the first, and put them on the stack:
// `settle` keeps sums in the order of the program.
template <class V>
SP_LANES_INLINE void add_product(typename V::Vector (&d)[5], const typename V::Vector (&h)[5],
                                 const Multiplier<V>& by) noexcept {
#pragma GCC unroll 5
  for (int j = 0; j < 5; ++j) {
#pragma GCC unroll 5
    for (int i = 0; i < 5; ++i) d[i] = V::add64(d[i], V::multiply32(h[j], j <= i ? by.r[i - j] : by.r5[5 + i - j]));
#pragma GCC unroll 5
    for (int i = 0; i < 5; ++i) V::settle(d[i]);
  }
}

// d = h * by.
template <class V>
SP_LANES_INLINE void product(typename V::Vector (&d)[5], const typename V::Vector (&h)[5],
                             const Multiplier<V>& by) noexcept {
#pragma GCC unroll 5
  for (int i = 0; i < 5; ++i) d[i] = V::multiply32(h[0], by.r[i]);
#pragma GCC unroll 4
  for (int j = 1; j < 5; ++j) {
#pragma GCC unroll 5
    for (int i = 0; i < 5; ++i) d[i] = V::add64(d[i], V::multiply32(h[j], j <= i ? by.r[i - j] : by.r5[5 + i - j]));
#pragma GCC unroll 5
    for (int i = 0; i < 5; ++i) V::settle(d[i]);
  }
}

// Limbs below 2^26 again, but for the second and the last, which may be a little above.
// At most four products were added, of a number below 2^27.1 and three below 2^26 in each limb, with powers of r below
// 2^26.1: a sum is below 2^60, and that of the last limb, which takes no 5 r, below 2^57, its carry below 2^31.
template <class V>
SP_LANES_INLINE void carry(typename V::Vector (&d)[5]) noexcept {
  const auto mask = V::set64(0x3ffffff);
  d[4] = V::add64(d[4], V::template right64<26>(d[3])), d[3] = V::bit_and(d[3], mask);
  d[1] = V::add64(d[1], V::template right64<26>(d[0])), d[0] = V::bit_and(d[0], mask);
  d[0] = V::add64(d[0], V::multiply32(V::template right64<26>(d[4]), V::set64(5))), d[4] = V::bit_and(d[4], mask);
  d[2] = V::add64(d[2], V::template right64<26>(d[1])), d[1] = V::bit_and(d[1], mask);
  d[1] = V::add64(d[1], V::template right64<26>(d[0])), d[0] = V::bit_and(d[0], mask);
  d[3] = V::add64(d[3], V::template right64<26>(d[2])), d[2] = V::bit_and(d[2], mask);
  d[4] = V::add64(d[4], V::template right64<26>(d[3])), d[3] = V::bit_and(d[3], mask);
}

template <class V>
SP_LANES_INLINE void multiply(typename V::Vector (&h)[5], const Multiplier<V>& by) noexcept {
  typename V::Vector d[5];
  for (int i = 0; i < 5; ++i) d[i] = V::multiply32(h[0], by.r[i]);
  for (int j = 1; j < 5; ++j)
    for (int i = 0; i < 5; ++i) d[i] = V::add64(d[i], V::multiply32(h[j], j <= i ? by.r[i - j] : by.r5[5 + i - j]));
  carry<V>(d);
  for (int i = 0; i < 5; ++i) h[i] = d[i];
}

// The limbs of a block in each lane. `top` is 2^24 in lanes that have a block (2^128, as every block of the AEAD is
// whole) and 0 in lanes that wait: zeros added to zero stay zero.
template <class V>
SP_LANES_INLINE void split(typename V::Vector low, typename V::Vector high, typename V::Vector top,
                           typename V::Vector (&m)[5]) noexcept {
  const auto mask = V::set64(0x3ffffff);
  m[0] = V::bit_and(low, mask);
  m[1] = V::bit_and(V::template right64<26>(low), mask);
  m[2] = V::bit_and(V::bit_or(V::template right64<52>(low), V::template left64<12>(high)), mask);
  m[3] = V::bit_and(V::template right64<14>(high), mask);
  m[4] = V::bit_or(V::template right64<40>(high), top);
}

template <class V>
SP_LANES_INLINE void load_blocks(const std::uint8_t* const (&at)[V::lanes / 2], std::size_t offset,
                                 typename V::Vector top, typename V::Vector (&m)[5]) noexcept {
  const auto even = V::load_16_bytes_each(at, 2, offset), odd = V::load_16_bytes_each(at + 1, 2, offset);
  split<V>(V::unpack_low64(even, odd), V::unpack_high64(even, odd), top, m);
}

template <class V>
SP_LANES_INLINE void add_limbs(typename V::Vector (&h)[5], const typename V::Vector (&m)[5]) noexcept {
  for (int i = 0; i < 5; ++i) h[i] = V::add64(h[i], m[i]);
}

// r, r^2, r^3 and r^4: four blocks can be multiplied before their sum is carried.
template <class V>
struct Powers {
  Multiplier<V> of[4];
};

template <class V>
[[gnu::noinline]] void absorb(typename V::Vector (&state)[5], const Powers<V>& powers,
                              const std::uint8_t* const (&pointers)[V::lanes / 2], typename V::Vector top,
                              std::size_t blocks, bool have_powers) noexcept {
  using Vector = typename V::Vector;
  Vector h[5];
  const std::uint8_t* at[V::lanes / 2];
  for (int i = 0; i < 5; ++i) h[i] = state[i];
  for (unsigned lane = 0; lane < V::lanes / 2; ++lane) at[lane] = pointers[lane];
  std::size_t offset = 0;
  const std::size_t end = blocks * poly_block_bytes;
  if (have_powers) {
#pragma GCC unroll 1
    for (; offset + 4 * poly_block_bytes <= end; offset += 4 * poly_block_bytes) {
      // Otherwise gcc takes all 36 vectors of the powers out of the loop, to put them on the stack.
      __asm__ volatile("" : : "r"(&powers) : "memory");
      Vector d[5], m[5];
      load_blocks<V>(at, offset + 3 * poly_block_bytes, top, m);
      product<V>(d, m, powers.of[0]);
      load_blocks<V>(at, offset + 2 * poly_block_bytes, top, m);
      add_product<V>(d, m, powers.of[1]);
      load_blocks<V>(at, offset + poly_block_bytes, top, m);
      add_product<V>(d, m, powers.of[2]);
      load_blocks<V>(at, offset, top, m);
      add_limbs<V>(h, m);
      add_product<V>(d, h, powers.of[3]);
      carry<V>(d);
      for (int i = 0; i < 5; ++i) h[i] = d[i];
    }
  }
#pragma GCC unroll 1
  for (; offset < end; offset += poly_block_bytes) {
    Vector m[5];
    load_blocks<V>(at, offset, top, m);
    add_limbs<V>(h, m);
    multiply<V>(h, powers.of[0]);
  }
  for (int i = 0; i < 5; ++i) state[i] = h[i];
}

// The number modulo 2^130 - 5, plus s, modulo 2^128: 64-bit halves of the tags.
template <class V>
SP_LANES_INLINE void finish(typename V::Vector (&h)[5], const typename V::Vector (&s)[4],
                            std::uint64_t (&tags)[2][8]) noexcept {
  using Vector = typename V::Vector;
  const Vector mask = V::set64(0x3ffffff), word = V::set64(0xffffffff);
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 4; ++i)
      h[i + 1] = V::add64(h[i + 1], V::template right64<26>(h[i])), h[i] = V::bit_and(h[i], mask);
    h[0] = V::add64(h[0], V::multiply32(V::template right64<26>(h[4]), V::set64(5))), h[4] = V::bit_and(h[4], mask);
  }
  h[1] = V::add64(h[1], V::template right64<26>(h[0])), h[0] = V::bit_and(h[0], mask);
  // h - p is h + 5 - 2^130: taken where h + 5 reaches 2^130.
  Vector g[5];
  g[0] = V::add64(h[0], V::set64(5));
  for (int i = 0; i < 4; ++i)
    g[i + 1] = V::add64(h[i + 1], V::template right64<26>(g[i])), g[i] = V::bit_and(g[i], mask);
  const Vector take = V::sub64(V::set64(0), V::template right64<26>(g[4]));
  for (int i = 0; i < 5; ++i) h[i] = V::bit_xor(h[i], V::bit_and(take, V::bit_xor(h[i], g[i])));
  const Vector low = V::bit_or(V::bit_or(h[0], V::template left64<26>(h[1])), V::template left64<52>(h[2]));
  const Vector high =
      V::bit_or(V::bit_or(V::template right64<12>(h[2]), V::template left64<14>(h[3])), V::template left64<40>(h[4]));
  Vector f = V::add64(V::bit_and(low, word), s[0]);
  Vector out = V::bit_and(f, word);
  f = V::add64(V::add64(V::template right64<32>(low), s[1]), V::template right64<32>(f));
  V::store(tags[0], V::bit_or(out, V::template left64<32>(f)));
  f = V::add64(V::add64(V::bit_and(high, word), s[2]), V::template right64<32>(f));
  out = V::bit_and(f, word);
  f = V::add64(V::add64(V::template right64<32>(high), s[3]), V::template right64<32>(f));
  V::store(tags[1], V::bit_or(out, V::template left64<32>(f)));
}

}  // namespace
}  // namespace sallyport::dataplane::lanes
