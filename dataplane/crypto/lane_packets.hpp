// What the vector engine hands to the code that is compiled for one width of vectors: plain structures and plain
// functions, because that code is built with its own target flags and must share no inline function with the rest.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sallyport::dataplane::lanes {

inline constexpr unsigned most_packets = 256;  // in one call
inline constexpr unsigned most_lanes = 16;     // of 32 bits, in the widest vector
inline constexpr std::uint16_t most_aad_bytes = 64;
inline constexpr unsigned chacha_block_bytes = 64;
inline constexpr unsigned poly_block_bytes = 16;

// One packet whose key and lengths were found usable. Packets come sorted, those with the most ChaCha20 blocks first.
struct LanePacket {
  std::uint32_t counter_and_nonce[4];  // words 12 to 15 of the ChaCha20 state, RFC 8439 section 2.3; the counter is 0
  const std::uint8_t* key;
  std::uint8_t* data;  // in place: `text_bytes` and the tag behind them
  const std::uint8_t* aad;
  std::uint32_t text_bytes;  // without the tag
  std::uint16_t aad_bytes;
  std::uint16_t job;  // the caller's
  bool ok;            // open: the tag was right
};

// One-time keys of a group of packets, one packet in each lane: RFC 8439, section 2.5.
struct alignas(64) OneTimeKeys {
  std::uint32_t r[5][most_lanes];  // in limbs of 26 bits
  std::uint32_t s[4][most_lanes];
};

// Memory of one engine, so that nothing is allocated in a call and little stands on the stack.
struct alignas(64) Scratch {
  OneTimeKeys keys[most_packets / 8];
  std::uint8_t aad[8][most_aad_bytes];
  std::uint64_t tags[2][2][8];  // of the halves of a group: first and second words, by lane
  std::uint8_t rows[most_lanes][chacha_block_bytes];
};

inline constexpr std::uint32_t short_text_bytes = 768;  // and less

struct Width {
  const char* name;   // "avx2"
  const char* needs;  // of a processor
  unsigned lanes;     // packets in a whole group
  // So many packets less than a group, of short and of long texts, are faster side by side than one after the other.
  // Measured with perf/aead_bench against intel-ipsec-mb.
  unsigned fewest_short_packets;
  unsigned fewest_long_packets;
  bool (*supported)() noexcept;
  // At most most_packets of them.
  void (*seal)(LanePacket* packets, unsigned count, Scratch& scratch) noexcept;
  void (*open)(LanePacket* packets, unsigned count, Scratch& scratch) noexcept;
};

extern const Width avx2;
extern const Width avx512;

}  // namespace sallyport::dataplane::lanes
