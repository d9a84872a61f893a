#include "dataplane/packet/checksum.hpp"

namespace sallyport::dataplane {

ChecksumSum add_to_checksum(ChecksumSum sum, std::span<const std::uint8_t> bytes) noexcept {
  const std::uint8_t* at = bytes.data();
  std::size_t left = bytes.size();
  // The caller's sum may be near 2^64: folded first, 2^31 words of 32 bits can be added before it overflows.
  sum = (sum & 0xffffffff) + (sum >> 32);
  // Four independent chains of plain adds; compilers turn this into vector adds.
  ChecksumSum lanes[4] = {};
  for (; left >= 32; left -= 32, at += 32) {
    std::uint32_t words[8];
    std::memcpy(words, at, sizeof words);
    for (unsigned i = 0; i < 4; ++i) lanes[i] += ChecksumSum{words[i]} + words[i + 4];
  }
  sum += lanes[0] + lanes[1] + lanes[2] + lanes[3];
  for (; left >= 4; left -= 4, at += 4) {
    std::uint32_t word;
    std::memcpy(&word, at, sizeof word);
    sum += word;
  }
  if (left >= 2) {
    std::uint16_t half;
    std::memcpy(&half, at, sizeof half);
    sum += half;
    at += 2;
    left -= 2;
  }
  if (left == 1) sum += std::bit_cast<std::uint16_t>(std::array<std::uint8_t, 2>{*at, 0});
  return sum;
}

}  // namespace sallyport::dataplane
