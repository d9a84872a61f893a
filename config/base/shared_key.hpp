// A secret key of 32 bytes inside values that are copied: the copies share it, its bytes are never copied with them,
// and are wiped when the last one goes. Two are equal if their bytes are; comparing takes the same time for all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "config/base/base64.hpp"
#include "config/base/secret.hpp"

namespace sallyport {

class SharedKey {
 public:
  SharedKey() noexcept = default;  // none
  explicit SharedKey(Secret<key_bytes> key) : key_(std::make_shared<const Secret<key_bytes>>(std::move(key))) {}

  [[nodiscard]] bool is_set() const noexcept { return key_ != nullptr; }
  // Of one that is not set: all zero, which to WireGuard is no preshared key.
  [[nodiscard]] Secret<key_bytes> duplicate() const noexcept { return key_ ? key_->duplicate() : Secret<key_bytes>(); }
  // Null: it is not set.
  [[nodiscard]] const Secret<key_bytes>* get() const noexcept { return key_.get(); }

  friend bool operator==(const SharedKey& a, const SharedKey& b) noexcept {
    if (!a.key_ || !b.key_) return a.key_ == b.key_;
    std::uint8_t difference = 0;
    for (std::size_t i = 0; i < key_bytes; ++i)
      difference = static_cast<std::uint8_t>(difference | (a.key_->expose()[i] ^ b.key_->expose()[i]));
    return difference == 0;
  }

 private:
  std::shared_ptr<const Secret<key_bytes>> key_;
};

}  // namespace sallyport
