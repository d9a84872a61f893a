// What the vector engine hands to the code that does AES-GCM with one kind of instructions: plain structures and plain
// functions, for the reasons of lane_packets.hpp.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sallyport::dataplane::gcm {

inline constexpr unsigned block_bytes = 16;
inline constexpr unsigned most_aad_blocks = 4;
// The longest run of blocks whose products are summed before they are reduced: associated data, fourteen blocks of
// text, the block of lengths (aes_gcm_lanes.hpp) - and one for an even number.
inline constexpr unsigned most_powers = 20;

// Powers of H, the highest first, so that the blocks of a run and their powers stand in one order. In the form of
// POLYVAL: RFC 8452, appendix A. `folded` is the sum of both halves of each, for Karatsuba's multiplication.
struct alignas(64) HashPowers {
  std::uint8_t powers[most_powers][block_bytes];
  std::uint8_t folded[most_powers][block_bytes];
};

// One packet whose key and lengths were found usable.
struct Packet {
  const std::uint8_t* round_keys;  // rounds + 1 of them
  const HashPowers* powers;
  std::uint8_t* data;  // in place: `text_bytes` and the tag behind them
  const std::uint8_t* aad;
  const std::uint8_t* nonce;  // 12 bytes
  std::uint32_t text_bytes;   // without the tag
  std::uint16_t aad_bytes;
  std::uint8_t rounds;  // 10, 12 or 14
  bool ok;              // open: the tag was right. If it was not, the text was decrypted all the same
};

struct Way {
  const char* name;   // "aesni"
  const char* needs;  // of a processor
  bool (*supported)() noexcept;
  void (*make_powers)(const std::uint8_t* round_keys, unsigned rounds, HashPowers& powers) noexcept;
  void (*seal)(Packet* packets, unsigned count) noexcept;
  void (*open)(Packet* packets, unsigned count) noexcept;
};

extern const Way aesni;

}  // namespace sallyport::dataplane::gcm
