// The tags of packets (RFC 8439, section 2.8), one in each 64-bit lane: their sequences of blocks aligned at the ends,
// as all have the block of lengths there. For chacha20_poly1305_lanes.hpp.
#pragma once

#include "dataplane/crypto/poly1305_lanes.hpp"

namespace sallyport::dataplane::lanes {
namespace {

constexpr std::uint8_t zero_blocks[64 * poly_block_bytes] = {};
constexpr std::uint32_t zero_block_count = sizeof zero_blocks / poly_block_bytes;

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

// Copies the associated data to `aad`, whole blocks with zeros, and takes the last block of what comes before the block
// of lengths. Returns how many blocks are before that one; `aad_blocks` of them are associated data.
template <class V>
SP_LANES_INLINE std::uint32_t set_last_block(const LanePacket& packet, unsigned lane, std::uint8_t* aad,
                                             LaneBlocks<V>& last, std::uint32_t& aad_blocks) noexcept {
  const std::uint32_t text_bytes = packet.text_bytes;
  if (packet.aad_bytes != 0) {
    aad_blocks = (packet.aad_bytes + poly_block_bytes - 1U) / poly_block_bytes;
    std::memset(aad, 0, aad_blocks * poly_block_bytes);
    std::memcpy(aad, packet.aad, packet.aad_bytes);
  }
  last.top[lane] = 1U << 24U;
  std::uint32_t text_blocks = 0;
  if (text_bytes != 0) {
    text_blocks = (text_bytes - 1) / poly_block_bytes;
    const std::uint32_t before = text_blocks * poly_block_bytes;
    load_last_block(packet.data + before, text_bytes - before, last.low[lane], last.high[lane]);
  } else if (aad_blocks != 0) {
    --aad_blocks;
    load_last_block(aad + aad_blocks * poly_block_bytes, poly_block_bytes, last.low[lane], last.high[lane]);
  } else {
    last.top[lane] = 0;
  }
  return text_blocks + aad_blocks;
}

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
    steps[lane] = set_last_block<V>(packets[lane], lane, scratch.aad[lane], last, aad_blocks[lane]);
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

}  // namespace
}  // namespace sallyport::dataplane::lanes
