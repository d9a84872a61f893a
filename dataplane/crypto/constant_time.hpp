// Comparing secrets in a time that does not tell where they differ. Tags and MACs in WireGuard and ESP's AEADs are 16
// bytes.
#pragma once

#include <cstdint>
#include <cstring>

namespace sallyport::dataplane {

// True if both 16-byte tags are equal. No branch and no early exit depends on the bytes. Any alignment.
[[nodiscard]] inline bool tags_equal(const std::uint8_t* left, const std::uint8_t* right) noexcept {
  std::uint64_t a[2], b[2];
  std::memcpy(a, left, sizeof a);
  std::memcpy(b, right, sizeof b);
  return ((a[0] ^ b[0]) | (a[1] ^ b[1])) == 0;
}

}  // namespace sallyport::dataplane
