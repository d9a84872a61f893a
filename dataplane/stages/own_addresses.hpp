// The gateway's own addresses on a port, as the classify stage asks for them.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "config/base/ip.hpp"
#include "dataplane/abi/limits.hpp"

namespace sallyport::dataplane {

// A port's own addresses, laid out for comparison with packets.
class OwnAddresses {
 public:
  void add(const IpAddress& address) noexcept {
    if (address.is_v4() && v4_count_ < v4_.size()) std::memcpy(&v4_[v4_count_++], address.bytes.data(), 4);
    if (address.is_v6() && v6_count_ < v6_.size()) v6_[v6_count_++] = address.bytes;
  }
  // `address` points at 4 or 16 bytes.
  [[nodiscard]] bool contains(const std::uint8_t* address, bool is_v4) const noexcept {
    if (is_v4) {
      std::uint32_t value;
      std::memcpy(&value, address, sizeof value);
      for (unsigned i = 0; i < v4_count_; ++i)
        if (v4_[i] == value) return true;
      return false;
    }
    for (unsigned i = 0; i < v6_count_; ++i)
      if (std::memcmp(v6_[i].data(), address, 16) == 0) return true;
    return false;
  }

 private:
  std::array<std::uint32_t, abi::max_addresses + 1> v4_{};  // network order
  std::array<std::array<std::uint8_t, 16>, abi::max_addresses + 1> v6_{};
  unsigned v4_count_ = 0;
  unsigned v6_count_ = 0;
};

}  // namespace sallyport::dataplane
