// AES-GCM (NIST SP 800-38D, nonces of 96 bits) with eight vectors of counter blocks in flight. The blocks of a packet
// are taken in passes of eight vectors, counted from counter 0: so the counters of a pass differ in their last bits
// alone, and one xor for each vector puts counter and first round key in. Of the first pass, the head, counter 1 makes
// the mask of the tag, and 0 is nobody's. Sealing, a pass hashes what the pass before has encrypted; opening, what it
// decrypts itself.
#pragma once

#include "dataplane/crypto/aes_gcm_hash_lanes.hpp"

namespace sallyport::dataplane::gcm {
namespace {

// What differs between the counters of a pass, in big-endian words.
struct alignas(64) CounterBits {
  std::uint32_t of[16][4];
};
constexpr CounterBits counter_bits = {{{0, 0, 0, 0x00000000},
                                       {0, 0, 0, 0x01000000},
                                       {0, 0, 0, 0x02000000},
                                       {0, 0, 0, 0x03000000},
                                       {0, 0, 0, 0x04000000},
                                       {0, 0, 0, 0x05000000},
                                       {0, 0, 0, 0x06000000},
                                       {0, 0, 0, 0x07000000},
                                       {0, 0, 0, 0x08000000},
                                       {0, 0, 0, 0x09000000},
                                       {0, 0, 0, 0x0a000000},
                                       {0, 0, 0, 0x0b000000},
                                       {0, 0, 0, 0x0c000000},
                                       {0, 0, 0, 0x0d000000},
                                       {0, 0, 0, 0x0e000000},
                                       {0, 0, 0, 0x0f000000}}};

// From byte 32 - n on: n bytes of ones, then zeros.
struct alignas(64) MaskBytes {
  std::uint8_t of[64];
};
constexpr MaskBytes mask_bytes = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                   0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                   0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

template <class V, bool opening>
class PacketPasses {
  using Vector = typename V::Vector;
  static constexpr unsigned vectors = 8, vector_bytes = V::blocks * block_bytes;
  static constexpr unsigned pass_blocks = vectors * V::blocks, pass_bytes = pass_blocks * block_bytes;
  static constexpr unsigned head_blocks = pass_blocks - 2, head_bytes = head_blocks * block_bytes;
  static constexpr unsigned mask_vector = 1 / V::blocks;  // which holds counter 1
  static_assert(most_aad_blocks + head_blocks + 1 < most_powers);

 public:
  SP_LANES_INLINE explicit PacketPasses(Packet& packet) noexcept
      : packet_(packet), powers_(*packet.powers), data_(packet.data), left_(packet.text_bytes) {
    // In two pieces: a block written in pieces and read as a whole would wait for them to reach the cache.
    int last_word;
    memcpy(&last_word, packet.nonce + 8, 4);
    const __m128i nonce = _mm_unpacklo_epi64(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(packet.nonce)),
                                             _mm_cvtsi32_si128(last_word));
    whitened_nonce_ = _mm_xor_si128(nonce, load_block(packet.round_keys));
  }

  SP_LANES_INLINE void run() noexcept {
    head();
    if (left_ != 0) {
      whole_passes();
      tail();
    }
    const __m128i tag = _mm_xor_si128(reverse_block(hash_), mask_);
    std::uint8_t* const tag_place = packet_.data + packet_.text_bytes;
    if constexpr (opening) {
      const __m128i difference = _mm_xor_si128(tag, load_block(tag_place));
      packet_.ok = _mm_testz_si128(difference, difference) != 0;
      SP_LANES_PUBLIC(packet_.ok);
    } else {
      store_block(tag_place, tag);
    }
  }

 private:
  // The first round key and the counters of a pass.
  SP_LANES_INLINE Vector whitened() const noexcept {
    const auto counter = static_cast<int>(__builtin_bswap32(next_counter_));
    return V::broadcast(_mm_xor_si128(whitened_nonce_, _mm_slli_si128(_mm_cvtsi32_si128(counter), 12)));
  }
  SP_LANES_INLINE Vector round_key(unsigned round) const noexcept {
    return V::broadcast(load_block(packet_.round_keys + block_bytes * round));
  }
  template <unsigned count>
  SP_LANES_INLINE void start(Vector (&blocks)[count], unsigned first) const noexcept {
    const Vector counters = whitened();
#pragma GCC unroll 8
    for (unsigned i = 0; i < count; ++i)
      blocks[i] = V::bit_xor(counters, V::load(counter_bits.of[(first + i) * V::blocks]));
  }
  template <unsigned count>
  SP_LANES_INLINE void one_round(Vector (&blocks)[count], unsigned round) const noexcept {
    const Vector key = round_key(round);
#pragma GCC unroll 8
    for (unsigned i = 0; i < count; ++i) blocks[i] = V::aes(blocks[i], key);
  }
  template <unsigned count>
  SP_LANES_INLINE void last_rounds(Vector (&blocks)[count]) const noexcept {
    if (packet_.rounds > 10) {
      one_round(blocks, 10);
      one_round(blocks, 11);
      if (packet_.rounds > 12) {
        one_round(blocks, 12);
        one_round(blocks, 13);
      }
    }
  }
  template <unsigned count>
  SP_LANES_INLINE void all_but_last_round(Vector (&blocks)[count]) const noexcept {
#pragma GCC unroll 9
    for (unsigned round = 1; round < 10; ++round) one_round(blocks, round);
    last_rounds(blocks);
  }

  // The first pass: as many vectors of text as there are, up to a whole pass.
  SP_LANES_INLINE void head() noexcept {
    const unsigned bytes = lanes::smaller(left_, head_bytes);
    switch ((bytes + vector_bytes - 1) / vector_bytes) {
      case 0:
        return short_pass<0, true>(bytes);
      case 1:
        return short_pass<1, true>(bytes);
      case 2:
        return short_pass<2, true>(bytes);
      case 3:
        return short_pass<3, true>(bytes);
      case 4:
        return short_pass<4, true>(bytes);
      case 5:
        return short_pass<5, true>(bytes);
      case 6:
        return short_pass<6, true>(bytes);
      default:
        if constexpr (V::blocks > 1) return short_pass<7, true>(bytes);
    }
  }

  // What is left behind the whole passes, and the block of lengths in any case.
  SP_LANES_INLINE void tail() noexcept {
    switch ((left_ + vector_bytes - 1) / vector_bytes) {
      case 0:
        return short_pass<0, false>(left_);
      case 1:
        return short_pass<1, false>(left_);
      case 2:
        return short_pass<2, false>(left_);
      case 3:
        return short_pass<3, false>(left_);
      case 4:
        return short_pass<4, false>(left_);
      case 5:
        return short_pass<5, false>(left_);
      case 6:
        return short_pass<6, false>(left_);
      case 7:
        return short_pass<7, false>(left_);
      default:
        return short_pass<8, false>(left_);
    }
  }

  // `bytes` of text in `count` vectors; associated data before the head, the lengths behind the last.
  template <unsigned count, bool is_head>
  SP_LANES_INLINE void short_pass(unsigned bytes) noexcept {
    const bool is_last = bytes == left_;
    if constexpr (is_head) {
      const unsigned all = blocks_of(packet_.aad_bytes) + blocks_of(left_) + 1;
      is_one_run_ = all < most_powers && left_ <= head_bytes + pass_bytes;
      power_ = is_one_run_ ? all : blocks_of(packet_.aad_bytes) + blocks_of(bytes);
      if (packet_.aad_bytes != 0) add_aad();
    } else if (!is_one_run_) {
      power_ = blocks_of(bytes) + 1;
    }
    constexpr unsigned states = count + (is_head ? 1 : 0);
    if constexpr (states != 0) {
      Vector state[states];
      start(state, is_head ? mask_vector : 0);
      all_but_last_round(state);
      const Vector key = round_key(packet_.rounds);
      if constexpr (is_head) mask_ = V::last_lane(V::aes_last(state[0], key));
#pragma GCC unroll 8
      for (unsigned i = 0; i < count; ++i) {
        Vector& keystream = state[i + (is_head ? 1 : 0)];
        keystream = V::aes_last(keystream, key);
        std::uint8_t* const at = data_ + i * vector_bytes;
        Vector ciphertext;
        if (i + 1 < count || bytes == count * vector_bytes)
          ciphertext = crypt(at, keystream);
        else
          ciphertext = crypt_partly(at, keystream, bytes - i * vector_bytes);
        ciphertext = V::reverse(ciphertext);
        if (!is_head && i == 0) ciphertext = V::bit_xor(ciphertext, V::widen(hash_));
        sums_.add(ciphertext, powers_, power_);
        power_ -= V::blocks;
      }
    }
    if (is_last) {
      __m128i lengths = _mm_set_epi64x(8 * packet_.aad_bytes, 8LL * packet_.text_bytes);
      if (!is_head && count == 0) lengths = _mm_xor_si128(lengths, hash_);
      sums_.add_block(lengths, powers_, 1);
    }
    if (is_last || !is_one_run_) {
      hash_ = sums_.reduced();
      sums_ = {};
    }
    data_ += bytes;
    left_ -= bytes;
    next_counter_ += pass_blocks;
  }

  // The ciphertext, whether it was there or has been made.
  SP_LANES_INLINE static Vector crypt(std::uint8_t* at, Vector keystream) noexcept {
    const Vector before = V::load(at), after = V::bit_xor(before, keystream);
    V::store(at, after);
    return opening ? before : after;
  }
  // The last `bytes` of a text, less than a vector. The tag stands behind them, so that a whole block can be read and
  // written; opening leaves it as it is.
  SP_LANES_INLINE static Vector crypt_partly(std::uint8_t* at, Vector keystream, unsigned bytes) noexcept {
    const Vector mask = V::load(mask_bytes.of + 32 - bytes);
    const Vector before = V::load_partly(at, bytes);
    const Vector after = V::bit_xor(before, V::bit_and(keystream, mask));
    V::store_partly(at, after, bytes);
    return V::bit_and(opening ? before : after, mask);
  }

  SP_LANES_INLINE static unsigned blocks_of(unsigned bytes) noexcept {
    return (bytes + block_bytes - 1) / block_bytes;
  }

  // The blocks of associated data, the last filled up with zeros.
  SP_LANES_INLINE void add_aad() noexcept {
    if (packet_.aad_bytes == 8) {
      const __m128i block = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(packet_.aad));
      sums_.add_block(reverse_block(block), powers_, power_--);
      return;
    }
    std::uint8_t padded[most_aad_blocks * block_bytes] = {};
    memcpy(padded, packet_.aad, packet_.aad_bytes);
    for (unsigned at = 0; at < packet_.aad_bytes; at += block_bytes)
      sums_.add_block(reverse_block(load_block(padded + at)), powers_, power_--);
  }

  SP_LANES_INLINE void whole_passes() noexcept {
    unsigned passes = left_ / pass_bytes;
    if (is_one_run_ || passes == 0) return;
    if constexpr (!opening) {
      whole_pass<true, false>();
      for (; passes > 1; --passes) whole_pass<true, true>();
      whole_pass<false, true>();
    } else {
      for (; passes > 0; --passes) whole_pass<true, true>();
    }
  }

  // Encryption of one pass between the hashing of one: of the same, or, sealing, of that before.
  template <bool crypting, bool hashing>
  SP_LANES_INLINE void whole_pass() noexcept {
    const std::uint8_t* const hashed = opening ? data_ : data_ - pass_bytes;
    Vector state[vectors];
    if constexpr (crypting) start(state, 0);
    Sums<V> sums;
#pragma GCC unroll 8
    for (unsigned i = 0; i < vectors; ++i) {
      if constexpr (crypting) one_round(state, i + 1);
      if constexpr (hashing) {
        Vector blocks = V::reverse(V::load(hashed + i * vector_bytes));
        if (i == 0) blocks = V::bit_xor(blocks, V::widen(hash_));
        sums.add(blocks, powers_, pass_blocks - i * V::blocks);
      }
    }
    if constexpr (hashing) hash_ = sums.reduced();
    if constexpr (crypting) {
      one_round(state, 9);
      last_rounds(state);
      const Vector key = round_key(packet_.rounds);
#pragma GCC unroll 8
      for (unsigned i = 0; i < vectors; ++i) crypt(data_ + i * vector_bytes, V::aes_last(state[i], key));
      data_ += pass_bytes;
      left_ -= pass_bytes;
      next_counter_ += pass_blocks;
    }
  }

  Packet& packet_;
  const HashPowers& powers_;
  std::uint8_t* data_;
  std::uint32_t left_;              // bytes of text
  std::uint32_t next_counter_ = 0;  // of the next pass
  // A packet is short enough for its products to be reduced once: then every block has a power of its own from the
  // start.
  bool is_one_run_ = false;
  unsigned power_ = 0;  // of the next block
  Sums<V> sums_;
  __m128i whitened_nonce_, mask_, hash_ = _mm_setzero_si128();
};

// The keys of the packets that follow are fetched while this one is worked on.
SP_LANES_INLINE void prefetch_key(const Packet& packet) noexcept {
  for (unsigned at = 0; at < 15 * block_bytes; at += 64) __builtin_prefetch(packet.round_keys + at);
  const auto* const powers = reinterpret_cast<const std::uint8_t*>(packet.powers);
  for (unsigned at = 64 * 3; at < sizeof(HashPowers); at += 64) __builtin_prefetch(powers + at);
}

template <class V, bool opening>
SP_LANES_INLINE void for_all(Packet* packets, unsigned count) noexcept {
  for (unsigned i = 0; i < count; ++i) {
    if (i + 2 < count && packets[i + 2].powers != packets[i].powers) prefetch_key(packets[i + 2]);
    PacketPasses<V, opening>(packets[i]).run();
  }
}

}  // namespace
}  // namespace sallyport::dataplane::gcm
