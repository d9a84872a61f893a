// Random bytes from the system, fetched many at a time: a nonce for each of 50,000 cookie replies a second must not be
// a system call each. Every byte is given out once.
#pragma once

#include <sodium.h>

#include <array>
#include <cstddef>
#include <cstring>

namespace sallyport::dataplane {

class RandomBytes {
 public:
  // libsodium was initialised.
  template <std::size_t N>
  [[nodiscard]] std::array<unsigned char, N> take() noexcept {
    static_assert(N <= sizeof(pool_));
    if (sizeof pool_ - used_ < N) {
      randombytes_buf(pool_.data(), sizeof pool_);
      used_ = 0;
    }
    std::array<unsigned char, N> bytes;
    std::memcpy(bytes.data(), pool_.data() + used_, N);
    used_ += N;
    return bytes;
  }

 private:
  std::array<unsigned char, 24UL * 128> pool_;
  std::size_t used_ = sizeof(pool_);
};

}  // namespace sallyport::dataplane
