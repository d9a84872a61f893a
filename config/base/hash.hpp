// Two hash functions for tables and for names that are the same at every start. Neither withstands somebody who chooses
// what is hashed, unless a secret is mixed in.
#pragma once

#include <concepts>
#include <cstdint>

namespace sallyport {

template <std::unsigned_integral Word>
inline constexpr Word fnv1a_basis = static_cast<Word>(sizeof(Word) == 4 ? 0x811c9dc5 : 0xcbf29ce484222325);

// FNV-1a over a range of bytes or characters, with 32 or 64 bits. `value` goes on from what was hashed before.
template <std::unsigned_integral Word, typename Bytes>
[[nodiscard]] constexpr Word fnv1a(const Bytes& bytes, Word value = fnv1a_basis<Word>) noexcept {
  static_assert(sizeof(Word) == 4 || sizeof(Word) == 8);
  constexpr auto prime = static_cast<Word>(sizeof(Word) == 4 ? 0x01000193 : 0x100000001b3);
  for (const auto byte : bytes) value = (value ^ static_cast<std::uint8_t>(byte)) * prime;
  return value;
}

// The finaliser of MurmurHash3: every bit of the value moves about half of the result's.
[[nodiscard]] constexpr std::uint64_t mix_bits(std::uint64_t value) noexcept {
  value = (value ^ value >> 33) * 0xff51afd7ed558ccdULL;
  value = (value ^ value >> 33) * 0xc4ceb9fe1a85ec53ULL;
  return value ^ value >> 33;
}

}  // namespace sallyport
