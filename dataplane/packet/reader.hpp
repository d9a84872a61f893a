// Bounds-checked access to the bytes of a packet. Wire structs are copied out and in, never cast: no alignment, no
// aliasing, no read beyond what arrived. A call that does not fit returns false and changes nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

namespace sallyport::dataplane {

template <typename T>
concept WireStruct = std::is_trivially_copyable_v<T> && alignof(T) == 1 && !std::is_pointer_v<T>;

// For bytes whose presence was already checked.
template <WireStruct T>
[[nodiscard]] inline T load_wire(const std::uint8_t* at) noexcept {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

template <WireStruct T>
inline void store_wire(std::uint8_t* at, const T& value) noexcept {
  std::memcpy(at, &value, sizeof value);
}

class Reader {
 public:
  explicit Reader(std::span<const std::uint8_t> bytes) noexcept : bytes_(bytes) {}

  template <WireStruct T>
  [[nodiscard]] bool take(T& out) noexcept {
    if (remaining() < sizeof(T)) return false;
    std::memcpy(&out, bytes_.data() + offset_, sizeof(T));
    offset_ += sizeof(T);
    return true;
  }

  [[nodiscard]] bool take_bytes(std::size_t count, std::span<const std::uint8_t>& out) noexcept {
    if (remaining() < count) return false;
    out = bytes_.subspan(offset_, count);
    offset_ += count;
    return true;
  }

  [[nodiscard]] bool skip(std::size_t count) noexcept {
    if (remaining() < count) return false;
    offset_ += count;
    return true;
  }

  [[nodiscard]] std::size_t offset() const noexcept { return offset_; }
  [[nodiscard]] std::size_t remaining() const noexcept { return bytes_.size() - offset_; }
  [[nodiscard]] std::span<const std::uint8_t> rest() const noexcept { return bytes_.subspan(offset_); }

 private:
  std::span<const std::uint8_t> bytes_;
  std::size_t offset_ = 0;
};

}  // namespace sallyport::dataplane
