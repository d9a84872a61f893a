// Secret<N>: key material of N bytes that moves but is never copied by accident, and is wiped when it goes. Reading it
// is conspicuous: expose(). Each process locks its memory and forbids core dumps at start (process_hardening.hpp), so a
// secret needs no pages of its own.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace sallyport {

template <std::size_t N>
class Secret {
 public:
  Secret() noexcept = default;
  explicit Secret(std::span<const std::uint8_t, N> bytes) noexcept {
    std::copy(bytes.begin(), bytes.end(), bytes_.begin());
  }
  Secret(Secret&& other) noexcept : bytes_(other.bytes_) { other.wipe(); }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      bytes_ = other.bytes_;
      other.wipe();
    }
    return *this;
  }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() { wipe(); }

  // A second holder of the same secret; spelled out, so that each copy is a decision.
  [[nodiscard]] Secret duplicate() const noexcept { return Secret(bytes_); }

  [[nodiscard]] std::span<const std::uint8_t, N> expose() const noexcept { return bytes_; }
  [[nodiscard]] std::span<std::uint8_t, N> expose_mutable() noexcept { return bytes_; }
  void wipe() noexcept { explicit_bzero(bytes_.data(), N); }

 private:
  std::array<std::uint8_t, N> bytes_{};
};

}  // namespace sallyport
