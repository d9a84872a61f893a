// ChaCha20-Poly1305 (RFC 8439) across packets: a template on the vector, included once by each file that is compiled
// for a width (lanes.hpp has the rules that follow from it).
//
//   a group: as many packets as a vector has 32-bit lanes, one in each lane, sorted by length
//     key pass      block 0 of every packet at once; its words are the one-time keys, already lane by lane
//     column passes block n of every packet of the group at once, as long as nearly all packets have a block n
//     packed passes the blocks that are left, of any packets of the bundle, in any lane
//     Poly1305      a packet in each 64-bit lane, the sequences of blocks aligned at their ends
//
// Time depends on lengths and on whether tags were right, never on keys, texts or tags.
#pragma once

#include "dataplane/crypto/chacha20_lanes.hpp"
#include "dataplane/crypto/poly1305_packets_lanes.hpp"

namespace sallyport::dataplane::lanes {
namespace {

// Packets whose ciphertext is still in the first-level cache when Poly1305 comes to read it.
constexpr std::uint32_t bundle_bytes = 24 * 1024;

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
