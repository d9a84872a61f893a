// ChaCha20-Poly1305 (RFC 8439) across packets: a template on the vector, included once by each file that is compiled
// for a width. Everything here has internal linkage and is inlined into that file: code made with wide target flags
// must never be what the linker takes for the rest of the program. For the same reason nothing of the standard
// library's templates is used.
//
//   a group: as many packets as a vector has 32-bit lanes, one in each lane, sorted by length
//     key pass      block 0 of every packet at once; its words are the one-time keys, already lane by lane
//     column passes block n of every packet of the group at once, as long as nearly all packets have a block n
//     packed passes the blocks that are left, of any packets of the bundle, in any lane
//     Poly1305      a packet in each 64-bit lane, the sequences of blocks aligned at their ends
//
// Time depends on lengths and on whether tags were right, never on keys, texts or tags.
#pragma once

#include <immintrin.h>

#include <cstring>

#include "dataplane/crypto/lane_packets.hpp"

namespace sallyport::dataplane::lanes {
namespace {

#define SP_LANES_INLINE [[gnu::always_inline]] inline

// What is no secret although it was made from secrets: whether a tag was right.
// tests/unit/crypto/constant_time_check.cpp puts its own word here.
#ifndef SP_LANES_PUBLIC
#define SP_LANES_PUBLIC(value)
#endif

// Packets whose ciphertext is still in the first-level cache when Poly1305 comes to read it.
constexpr std::uint32_t bundle_bytes = 24 * 1024;
constexpr std::uint8_t zero_blocks[64 * poly_block_bytes] = {};
constexpr std::uint32_t zero_block_count = sizeof zero_blocks / poly_block_bytes;

SP_LANES_INLINE std::uint32_t smaller(std::uint32_t a, std::uint32_t b) noexcept {
  return a < b ? a : b;
}

SP_LANES_INLINE std::uint32_t chacha_blocks(std::uint32_t bytes) noexcept {
  return (bytes + chacha_block_bytes - 1) / chacha_block_bytes;
}

// ------------------------------------------------------------------------------------------------ ChaCha20,
// section 2.3

template <class V>
struct ChaChaState {
  typename V::Vector key[8];
  typename V::Vector tail[4];  // counter and nonce
};

// Several at a time, step by step: their chains are independent, and so stand beside each other in the program too.
// Of the columns from `first` on; in each further row the words stand `shift` columns further:
// 0 for a round of columns, 1 for one of diagonals.
template <class V, int first, int count, int shift>
SP_LANES_INLINE void quarter_rounds(typename V::Vector (&x)[16]) noexcept {
#define SP_STEP(into, from, mixed, bits)                                                                        \
  _Pragma("GCC unroll 4") for (int i = first; i < first + count; ++i) x[into] = V::add32(x[into], x[from]);     \
  _Pragma("GCC unroll 4") for (int i = first; i < first + count; ++i) x[mixed] = V::bit_xor(x[mixed], x[into]); \
  _Pragma("GCC unroll 4") for (int i = first; i < first + count; ++i) x[mixed] = V::template rotate_left<bits>(x[mixed])
#define SP_ROW(row) (4 * row + (i + row * shift) % 4)
  SP_STEP(SP_ROW(0), SP_ROW(1), SP_ROW(3), 16);
  SP_STEP(SP_ROW(2), SP_ROW(3), SP_ROW(1), 12);
  SP_STEP(SP_ROW(0), SP_ROW(1), SP_ROW(3), 8);
  SP_STEP(SP_ROW(2), SP_ROW(3), SP_ROW(1), 7);
#undef SP_ROW
#undef SP_STEP
}

template <class V>
SP_LANES_INLINE void begin_rounds(const ChaChaState<V>& state, typename V::Vector (&x)[16]) noexcept {
  x[0] = V::set32(0x61707865), x[1] = V::set32(0x3320646e), x[2] = V::set32(0x79622d32), x[3] = V::set32(0x6b206574);
  for (int i = 0; i < 8; ++i) x[4 + i] = state.key[i];
  for (int i = 0; i < 4; ++i) x[12 + i] = state.tail[i];
}

template <class V>
SP_LANES_INLINE void end_rounds(const ChaChaState<V>& state, typename V::Vector (&x)[16]) noexcept {
  x[0] = V::add32(x[0], V::set32(0x61707865)), x[1] = V::add32(x[1], V::set32(0x3320646e));
  x[2] = V::add32(x[2], V::set32(0x79622d32)), x[3] = V::add32(x[3], V::set32(0x6b206574));
  for (int i = 0; i < 8; ++i) x[4 + i] = V::add32(x[4 + i], state.key[i]);
  for (int i = 0; i < 4; ++i) x[12 + i] = V::add32(x[12 + i], state.tail[i]);
}

template <class V>
SP_LANES_INLINE void chacha_rounds(const ChaChaState<V>& state, typename V::Vector (&x)[16]) noexcept {
  begin_rounds<V>(state, x);
  V::double_rounds(x, 10);
  end_rounds<V>(state, x);
}

// Rows of four words in every 128 bits become columns, and back.
template <class V>
SP_LANES_INLINE void transpose_quads(typename V::Vector& a, typename V::Vector& b, typename V::Vector& c,
                                     typename V::Vector& d) noexcept {
  const auto ab_low = V::unpack_low32(a, b), ab_high = V::unpack_high32(a, b);
  const auto cd_low = V::unpack_low32(c, d), cd_high = V::unpack_high32(c, d);
  a = V::unpack_low64(ab_low, cd_low), b = V::unpack_high64(ab_low, cd_low);
  c = V::unpack_low64(ab_high, cd_high), d = V::unpack_high64(ab_high, cd_high);
}

// Word n of the 16 bytes at each pointer, to vector n.
template <class V>
SP_LANES_INLINE void load_quads(const std::uint8_t* const (&at)[V::lanes], unsigned offset,
                                typename V::Vector* words) noexcept {
  for (unsigned i = 0; i < 4; ++i) words[i] = V::load_16_bytes_each(at + i, 4, offset);
  transpose_quads<V>(words[0], words[1], words[2], words[3]);
}

// One ChaCha20 block for every lane. Lanes that are not used stand on anything readable and have 0 bytes.
template <class V>
struct Blocks {
  const std::uint8_t* key[V::lanes];
  const std::uint8_t* tail[V::lanes];
  std::uint8_t* text[V::lanes];
  std::uint32_t bytes[V::lanes];
};

template <class V>
SP_LANES_INLINE void load_state(const Blocks<V>& blocks, ChaChaState<V>& state) noexcept {
  load_quads<V>(blocks.key, 0, state.key);
  load_quads<V>(blocks.key, 16, state.key + 4);
  load_quads<V>(blocks.tail, 0, state.tail);
}

template <class V>
[[gnu::noinline]] void crypt_blocks(const ChaChaState<V>& state, const Blocks<V>& blocks, Scratch& scratch) noexcept {
  typename V::Vector x[16];
  chacha_rounds<V>(state, x);
  for (int i = 0; i < 16; i += 4) transpose_quads<V>(x[i], x[i + 1], x[i + 2], x[i + 3]);
  V::xor_rows(x, blocks.text, blocks.bytes, scratch.rows);
}

// Whole blocks `first` to `last - 1` of one packet in each lane.
template <class V>
[[gnu::noinline]] void crypt_columns(ChaChaState<V>& state, std::uint8_t* const (&text)[V::lanes], std::uint32_t first,
                                     std::uint32_t last) noexcept {
  // The counter is in the first column: what the first round makes of the others is the same for all blocks.
  typename V::Vector begun[16];
  begin_rounds<V>(state, begun);
  quarter_rounds<V, 1, 3, 0>(begun);
  typename V::Vector finished[16];
#pragma GCC unroll 1
  for (std::uint32_t block = first; block < last; ++block) {
    typename V::Vector x[16];
    for (int i = 0; i < 16; ++i) x[i] = begun[i];
    x[12] = state.tail[0] = V::set32(block + 1);
    quarter_rounds<V, 0, 1, 0>(x);
    V::diagonal_round(x);
    if (V::room_for_two_states && block != first) {
      // The registers hold a second state: the rows of the block before are put right between the rounds of this one,
      // which leaves no port idle.
      transpose_quads<V>(finished[0], finished[1], finished[2], finished[3]);
      transpose_quads<V>(finished[4], finished[5], finished[6], finished[7]);
      V::double_rounds(x, 1);
      transpose_quads<V>(finished[8], finished[9], finished[10], finished[11]);
      transpose_quads<V>(finished[12], finished[13], finished[14], finished[15]);
      V::double_rounds(x, 1);
      V::template xor_whole_rows<0, 2>(finished, text, (std::size_t{block} - 1) * chacha_block_bytes);
      V::double_rounds(x, 1);
      V::template xor_whole_rows<2, 4>(finished, text, (std::size_t{block} - 1) * chacha_block_bytes);
      V::double_rounds(x, 6);
    } else {
      V::double_rounds(x, 9);
    }
    end_rounds<V>(state, x);
    if (V::room_for_two_states) {
      for (int i = 0; i < 16; ++i) finished[i] = x[i];
    } else {
      for (int i = 0; i < 16; i += 4) transpose_quads<V>(x[i], x[i + 1], x[i + 2], x[i + 3]);
      V::template xor_whole_rows<0, 4>(x, text, std::size_t{block} * chacha_block_bytes);
    }
  }
  if (V::room_for_two_states) {
    for (int i = 0; i < 16; i += 4) transpose_quads<V>(finished[i], finished[i + 1], finished[i + 2], finished[i + 3]);
    V::template xor_whole_rows<0, 4>(finished, text, (std::size_t{last} - 1) * chacha_block_bytes);
  }
}

// Block 0: r, clamped and in limbs, and s. Section 2.6.
template <class V>
[[gnu::noinline]] void make_one_time_keys(const ChaChaState<V>& state, OneTimeKeys& keys) noexcept {
  using Vector = typename V::Vector;
  Vector x[16];
  chacha_rounds<V>(state, x);
  const auto limb = [](Vector low, Vector high, std::uint32_t mask) {
    return V::bit_and(V::bit_or(low, high), V::set32(mask));
  };
  V::store(keys.r[0], V::bit_and(x[0], V::set32(0x3ffffff)));
  V::store(keys.r[1], limb(V::template right32<26>(x[0]), V::template left32<6>(x[1]), 0x3ffff03));
  V::store(keys.r[2], limb(V::template right32<20>(x[1]), V::template left32<12>(x[2]), 0x3ffc0ff));
  V::store(keys.r[3], limb(V::template right32<14>(x[2]), V::template left32<18>(x[3]), 0x3f03fff));
  V::store(keys.r[4], V::bit_and(V::template right32<8>(x[3]), V::set32(0x00fffff)));
  for (int i = 0; i < 4; ++i) V::store(keys.s[i], x[4 + i]);
}

// ------------------------------------------------------------------------------------------------ Poly1305,
// section 2.5

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

// Where a lane's blocks stand: [zeros] [associated data] [text] and, at the same step in all lanes, [last block]
// [lengths].
struct Sequence {
  std::uint32_t begin;  // steps that it waits
  std::uint32_t text_begin;
};

template <class Word>
SP_LANES_INLINE std::uint64_t load_word(const std::uint8_t* from) noexcept {
  Word word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

// One to sixteen bytes and zeros behind them, in two words: no byte beyond them is read, and none takes a way through
// memory.
SP_LANES_INLINE void load_last_block(const std::uint8_t* from, std::uint32_t bytes, std::uint64_t& low,
                                     std::uint64_t& high) noexcept {
  high = 0;
  if (bytes >= 8) {
    low = load_word<std::uint64_t>(from);
    if (bytes > 8) high = load_word<std::uint64_t>(from + bytes - 8) >> (8 * (poly_block_bytes - bytes));
  } else if (bytes >= 4) {
    low = load_word<std::uint32_t>(from) | load_word<std::uint32_t>(from + bytes - 4) << (8 * (bytes - 4));
  } else if (bytes >= 2) {
    low = load_word<std::uint16_t>(from) | load_word<std::uint16_t>(from + bytes - 2) << (8 * (bytes - 2));
  } else {
    low = *from;
  }
}

// Words of a block for each lane.
template <class V>
struct LaneBlocks {
  alignas(64) std::uint64_t low[V::lanes / 2];
  alignas(64) std::uint64_t high[V::lanes / 2];
  alignas(64) std::uint64_t top[V::lanes / 2];
};

template <class V>
SP_LANES_INLINE void absorb_block(typename V::Vector (&h)[5], const LaneBlocks<V>& blocks,
                                  const Multiplier<V>& r) noexcept {
  typename V::Vector m[5];
  split<V>(V::load(blocks.low), V::load(blocks.high), V::load(blocks.top), m);
  add_limbs<V>(h, m);
  multiply<V>(h, r);
}

template <class V>
SP_LANES_INLINE void make_powers(Powers<V>& powers) noexcept {
  typename V::Vector power[5];
  for (int i = 0; i < 5; ++i) power[i] = powers.of[0].r[i];
  for (int n = 1; n < 4; ++n) {
    multiply<V>(power, powers.of[0]);
    multiplier_of<V>(power, powers.of[n]);
  }
}

// So many blocks pay for the powers of r.
constexpr std::uint32_t blocks_for_powers = 16;

// What comes before the block of lengths, for packets of any lengths.
template <class V>
[[gnu::noinline]] void absorb_sequences(const LanePacket* packets, unsigned count, Powers<V>& powers,
                                        typename V::Vector (&h)[5], Scratch& scratch) noexcept {
  constexpr unsigned lanes = V::lanes / 2;
  Sequence sequences[lanes];
  alignas(64) std::uint64_t top[lanes];
  LaneBlocks<V> last;
  const std::uint8_t* at[lanes];
  std::uint32_t steps[lanes], aad_blocks[lanes], most_steps = 0;
  for (unsigned lane = 0; lane < lanes; ++lane) {
    steps[lane] = aad_blocks[lane] = 0;
    last.low[lane] = last.high[lane] = last.top[lane] = 0;
    if (lane >= count) continue;
    const LanePacket& packet = packets[lane];
    const std::uint32_t text_bytes = packet.text_bytes;
    std::uint8_t* const aad = scratch.aad[lane];
    if (packet.aad_bytes != 0) {
      aad_blocks[lane] = (packet.aad_bytes + poly_block_bytes - 1U) / poly_block_bytes;
      std::memset(aad, 0, aad_blocks[lane] * poly_block_bytes);
      std::memcpy(aad, packet.aad, packet.aad_bytes);
    }
    last.top[lane] = 1U << 24U;
    if (text_bytes != 0) {
      steps[lane] = (text_bytes - 1) / poly_block_bytes;
      const std::uint32_t before = steps[lane] * poly_block_bytes;
      load_last_block(packet.data + before, text_bytes - before, last.low[lane], last.high[lane]);
    } else if (aad_blocks[lane] != 0) {
      --aad_blocks[lane];
      load_last_block(aad + aad_blocks[lane] * poly_block_bytes, poly_block_bytes, last.low[lane], last.high[lane]);
    } else {
      last.top[lane] = 0;
    }
    steps[lane] += aad_blocks[lane];
    if (steps[lane] > most_steps) most_steps = steps[lane];
  }
  for (unsigned lane = 0; lane < lanes; ++lane)
    sequences[lane] = {most_steps - steps[lane], most_steps - steps[lane] + aad_blocks[lane]};

  const bool have_powers = most_steps >= blocks_for_powers;
  if (have_powers) make_powers<V>(powers);
  for (std::uint32_t step = 0; step < most_steps;) {
    std::uint32_t next = most_steps;
    for (unsigned lane = 0; lane < lanes; ++lane) {
      const auto [begin, text_begin] = sequences[lane];
      top[lane] = 0;
      if (step < begin || lane >= count) {
        at[lane] = zero_blocks;
        next = smaller(next, smaller(lane < count ? begin : next, step + zero_block_count));
        continue;
      }
      top[lane] = 1U << 24U;
      if (step < text_begin) {
        at[lane] = scratch.aad[lane] + (step - begin) * poly_block_bytes;
        next = smaller(next, text_begin);
      } else {
        at[lane] = packets[lane].data + (step - text_begin) * poly_block_bytes;
      }
    }
    absorb<V>(h, powers, at, V::load(top), next - step, have_powers);
    step = next;
  }
  absorb_block<V>(h, last, powers.of[0]);
}

// The same for lanes that are all in use, of one length and without associated data.
template <class V>
SP_LANES_INLINE void absorb_alike(const LanePacket* packets, Powers<V>& powers, typename V::Vector (&h)[5]) noexcept {
  constexpr unsigned lanes = V::lanes / 2;
  const std::uint32_t text_bytes = packets[0].text_bytes, steps = text_bytes / poly_block_bytes;
  const auto top = V::set64(1U << 24U);
  const std::uint8_t* at[lanes];
  for (unsigned lane = 0; lane < lanes; ++lane) at[lane] = packets[lane].data;
  const bool have_powers = steps >= blocks_for_powers;
  if (have_powers) make_powers<V>(powers);
  absorb<V>(h, powers, at, top, steps, have_powers);
  if (text_bytes % poly_block_bytes == 0) return;
  LaneBlocks<V> last;
  for (unsigned lane = 0; lane < lanes; ++lane) {
    load_last_block(at[lane] + steps * poly_block_bytes, text_bytes % poly_block_bytes, last.low[lane],
                    last.high[lane]);
    last.top[lane] = 1U << 24U;
  }
  absorb_block<V>(h, last, powers.of[0]);
}

SP_LANES_INLINE bool are_alike(const LanePacket* packets, unsigned count, unsigned lanes) noexcept {
  if (count < lanes) return false;
  std::uint32_t differences = 0;
  for (unsigned lane = 0; lane < lanes; ++lane)
    differences |= (packets[lane].text_bytes ^ packets[0].text_bytes) | packets[lane].aad_bytes;
  return differences == 0;
}

// The tags of as many packets as there are 64-bit lanes, to scratch.tags; `half` of their group.
template <class V>
[[gnu::noinline]] void authenticate(const LanePacket* packets, unsigned count, const OneTimeKeys& keys, unsigned half,
                                    Scratch& scratch) noexcept {
  using Vector = typename V::Vector;
  constexpr unsigned lanes = V::lanes / 2;
  Powers<V> powers;
  Vector h[5], m[5];
  for (int i = 0; i < 5; ++i) m[i] = V::widen(keys.r[i] + half * lanes);
  multiplier_of<V>(m, powers.of[0]);
  for (auto& limb : h) limb = V::set64(0);
  LaneBlocks<V> lengths;
  for (unsigned lane = 0; lane < lanes; ++lane) {
    const LanePacket& packet = packets[lane < count ? lane : 0];
    lengths.low[lane] = packet.aad_bytes;
    lengths.high[lane] = packet.text_bytes;
    lengths.top[lane] = 1U << 24U;
  }
  if (are_alike(packets, count, lanes)) {
    absorb_alike<V>(packets, powers, h);
  } else {
    absorb_sequences<V>(packets, count, powers, h, scratch);
  }
  absorb_block<V>(h, lengths, powers.of[0]);
  Vector s[4];
  for (int i = 0; i < 4; ++i) s[i] = V::widen(keys.s[i] + half * lanes);
  finish<V>(h, s, scratch.tags[half]);
}

// The same for a whole group of short packets that are alike: the two halves turn about, as one alone waits for its own
// carries.
template <class V>
[[gnu::noinline]] void authenticate_short_group(const LanePacket* packets, const OneTimeKeys& keys,
                                                Scratch& scratch) noexcept {
  using Vector = typename V::Vector;
  constexpr unsigned lanes = V::lanes / 2;
  const std::uint32_t text_bytes = packets[0].text_bytes, steps = text_bytes / poly_block_bytes;
  const std::uint32_t last_bytes = text_bytes % poly_block_bytes;
  const Vector top = V::set64(1U << 24U);
  Multiplier<V> r[2];
  Vector h[2][5], m[5];
  const std::uint8_t* at[2][lanes];
  for (unsigned half = 0; half < 2; ++half) {
    for (int i = 0; i < 5; ++i) m[i] = V::widen(keys.r[i] + half * lanes), h[half][i] = V::set64(0);
    multiplier_of<V>(m, r[half]);
    for (unsigned lane = 0; lane < lanes; ++lane) at[half][lane] = packets[half * lanes + lane].data;
  }
#pragma GCC unroll 1
  for (std::size_t offset = 0; offset < steps * poly_block_bytes; offset += poly_block_bytes) {
    __asm__ volatile("" : : "r"(&r), "r"(&at) : "memory");  // as in absorb()
    for (unsigned half = 0; half < 2; ++half) {
      load_blocks<V>(at[half], offset, top, m);
      add_limbs<V>(h[half], m);
      multiply<V>(h[half], r[half]);
    }
  }
  if (last_bytes != 0) {
    for (unsigned half = 0; half < 2; ++half) {
      LaneBlocks<V> last;
      for (unsigned lane = 0; lane < lanes; ++lane) {
        load_last_block(at[half][lane] + steps * poly_block_bytes, last_bytes, last.low[lane], last.high[lane]);
        last.top[lane] = 1U << 24U;
      }
      absorb_block<V>(h[half], last, r[half]);
    }
  }
  split<V>(V::set64(0), V::set64(text_bytes), top, m);
  for (unsigned half = 0; half < 2; ++half) {
    add_limbs<V>(h[half], m);
    multiply<V>(h[half], r[half]);
    Vector s[4];
    for (int i = 0; i < 4; ++i) s[i] = V::widen(keys.s[i] + half * lanes);
    finish<V>(h[half], s, scratch.tags[half]);
  }
}

// ------------------------------------------------------------------------------------------------ groups and bundles

// Collects blocks of any packets until the lanes are full.
template <class V>
struct PackedBlocks {
  Blocks<V> blocks;
  alignas(64) std::uint32_t tails[V::lanes][4];
  unsigned used = 0;

  SP_LANES_INLINE void flush(Scratch& scratch) noexcept {
    if (used == 0) return;
    for (unsigned lane = used; lane < V::lanes; ++lane) {
      blocks.key[lane] = blocks.key[0], blocks.tail[lane] = blocks.tail[0];
      blocks.bytes[lane] = 0;
    }
    ChaChaState<V> state;
    load_state<V>(blocks, state);
    crypt_blocks<V>(state, blocks, scratch);
    used = 0;
  }

  SP_LANES_INLINE void add(const LanePacket& packet, std::uint32_t block, Scratch& scratch) noexcept {
    const std::uint32_t begin = block * chacha_block_bytes;
    std::memcpy(tails[used], packet.counter_and_nonce, sizeof tails[used]);
    tails[used][0] = block + 1;
    blocks.key[used] = packet.key;
    blocks.tail[used] = reinterpret_cast<const std::uint8_t*>(tails[used]);
    blocks.text[used] = packet.data + begin;
    blocks.bytes[used] = smaller(packet.text_bytes - begin, chacha_block_bytes);
    if (++used == V::lanes) flush(scratch);
  }
};

template <class V>
SP_LANES_INLINE void load_group(const LanePacket* packets, unsigned count, ChaChaState<V>& state) noexcept {
  Blocks<V> blocks;
  for (unsigned lane = 0; lane < V::lanes; ++lane) {
    const LanePacket& packet = packets[lane < count ? lane : 0];
    blocks.key[lane] = packet.key;
    blocks.tail[lane] = reinterpret_cast<const std::uint8_t*>(packet.counter_and_nonce);
  }
  load_state<V>(blocks, state);
}

// Encrypts or decrypts those that are `ok`: whole columns first, the rest goes to `packed`.
template <class V>
SP_LANES_INLINE void crypt_group(ChaChaState<V>& state, const LanePacket* packets, unsigned count,
                                 PackedBlocks<V>& packed, Scratch& scratch) noexcept {
  // A column pass with idle lanes is still cheaper than a packed one that is full, as long as few are idle.
  constexpr unsigned enough = V::lanes - V::lanes / 8;
  const std::uint32_t columns = count < enough ? 0 : chacha_blocks(packets[enough - 1].text_bytes);
  Blocks<V> blocks;
  // Columns of whole blocks in every lane.
  std::uint32_t whole = columns;
  for (unsigned lane = 0; lane < V::lanes; ++lane) {
    const LanePacket& packet = packets[lane < count ? lane : 0];
    blocks.text[lane] = packet.data;
    whole = smaller(whole, lane < count && packet.ok ? packet.text_bytes / chacha_block_bytes : 0);
  }
  if (whole != 0) crypt_columns<V>(state, blocks.text, 0, whole);
  for (std::uint32_t column = whole; column < columns; ++column) {
    const std::uint32_t begin = column * chacha_block_bytes;
    for (unsigned lane = 0; lane < V::lanes; ++lane) {
      const LanePacket& packet = packets[lane < count ? lane : 0];
      const bool used = lane < count && packet.ok && packet.text_bytes > begin;
      blocks.text[lane] = packet.data + begin;
      blocks.bytes[lane] = used ? smaller(packet.text_bytes - begin, chacha_block_bytes) : 0;
    }
    state.tail[0] = V::set32(column + 1);
    crypt_blocks<V>(state, blocks, scratch);
  }
  for (unsigned i = 0; i < count; ++i) {
    if (!packets[i].ok) continue;
    const std::uint32_t blocks_in_all = chacha_blocks(packets[i].text_bytes);
    for (std::uint32_t block = columns; block < blocks_in_all; ++block) packed.add(packets[i], block, scratch);
  }
}

// How many of the packets are taken together: whole groups, until their text would no longer stay in the cache.
template <class V>
SP_LANES_INLINE unsigned bundle_size(const LanePacket* packets, unsigned count) noexcept {
  unsigned taken = 0;
  std::uint32_t bytes = 0;
  while (taken < count) {
    const std::uint32_t group_bytes = smaller(V::lanes, count - taken) * packets[taken].text_bytes;
    if (taken != 0 && bytes + group_bytes > bundle_bytes) break;
    bytes += group_bytes;
    taken += smaller(V::lanes, count - taken);
  }
  return taken;
}

SP_LANES_INLINE void wipe(unsigned groups, Scratch& scratch) noexcept {
  std::memset(scratch.keys, 0, groups * sizeof(OneTimeKeys));
  __asm__ volatile("" : : "r"(&scratch) : "memory");
}

// Calls `use(packet, tag)` for every packet of the bundle.
template <class V, class Use>
SP_LANES_INLINE void for_each_tag(LanePacket* packets, unsigned count, Scratch& scratch, Use use) noexcept {
  constexpr unsigned lanes = V::lanes / 2;
  for (unsigned first = 0; first < count; first += V::lanes) {
    const unsigned in_group = smaller(V::lanes, count - first);
    LanePacket* const group = packets + first;
    const OneTimeKeys& keys = scratch.keys[first / V::lanes];
    if (group[0].text_bytes < blocks_for_powers * poly_block_bytes && are_alike(group, in_group, V::lanes)) {
      authenticate_short_group<V>(group, keys, scratch);
    } else {
      authenticate<V>(group, smaller(in_group, lanes), keys, 0, scratch);
      if (in_group > lanes) authenticate<V>(group + lanes, in_group - lanes, keys, 1, scratch);
    }
    for (unsigned i = 0; i < in_group; ++i) {
      const auto& tags = scratch.tags[i / lanes];
      const std::uint64_t tag[2] = {tags[0][i % lanes], tags[1][i % lanes]};
      use(group[i], tag);
    }
  }
}

template <class V>
SP_LANES_INLINE void seal_packets(LanePacket* packets, unsigned count, Scratch& scratch) noexcept {
  PackedBlocks<V> packed;
  while (count != 0) {
    const unsigned bundle = bundle_size<V>(packets, count);
    for (unsigned first = 0; first < bundle; first += V::lanes) {
      const unsigned in_group = smaller(V::lanes, bundle - first);
      ChaChaState<V> state;
      load_group<V>(packets + first, in_group, state);
      make_one_time_keys<V>(state, scratch.keys[first / V::lanes]);
      crypt_group<V>(state, packets + first, in_group, packed, scratch);
    }
    packed.flush(scratch);
    for_each_tag<V>(packets, bundle, scratch, [](LanePacket& packet, const std::uint64_t(&tag)[2]) {
      std::memcpy(packet.data + packet.text_bytes, tag, sizeof tag);
    });
    wipe((bundle + V::lanes - 1) / V::lanes, scratch);
    packets += bundle;
    count -= bundle;
  }
}

template <class V>
SP_LANES_INLINE void open_packets(LanePacket* packets, unsigned count, Scratch& scratch) noexcept {
  PackedBlocks<V> packed;
  while (count != 0) {
    const unsigned bundle = bundle_size<V>(packets, count);
    for (unsigned first = 0; first < bundle; first += V::lanes) {
      ChaChaState<V> state;
      load_group<V>(packets + first, smaller(V::lanes, bundle - first), state);
      make_one_time_keys<V>(state, scratch.keys[first / V::lanes]);
    }
    for_each_tag<V>(packets, bundle, scratch, [](LanePacket& packet, const std::uint64_t(&tag)[2]) {
      std::uint64_t received[2];
      std::memcpy(received, packet.data + packet.text_bytes, sizeof received);
      packet.ok = ((tag[0] ^ received[0]) | (tag[1] ^ received[1])) == 0;
      SP_LANES_PUBLIC(packet.ok);
    });
    for (unsigned first = 0; first < bundle; first += V::lanes) {
      const unsigned in_group = smaller(V::lanes, bundle - first);
      ChaChaState<V> state;
      load_group<V>(packets + first, in_group, state);
      crypt_group<V>(state, packets + first, in_group, packed, scratch);
    }
    packed.flush(scratch);
    wipe((bundle + V::lanes - 1) / V::lanes, scratch);
    packets += bundle;
    count -= bundle;
  }
}

}  // namespace
}  // namespace sallyport::dataplane::lanes
