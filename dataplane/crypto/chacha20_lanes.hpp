// ChaCha20 (RFC 8439, section 2.3) with a packet in each 32-bit lane of a vector: one block of every packet at once.
// For chacha20_poly1305_lanes.hpp.
#pragma once

#include "dataplane/crypto/lanes.hpp"

namespace sallyport::dataplane::lanes {
namespace {

SP_LANES_INLINE std::uint32_t chacha_blocks(std::uint32_t bytes) noexcept {
  return (bytes + chacha_block_bytes - 1) / chacha_block_bytes;
}

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

}  // namespace
}  // namespace sallyport::dataplane::lanes
