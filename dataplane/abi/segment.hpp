// A shared-memory segment: a memfd sealed against shrinking, growing and further seals, mapped by this process for as
// long as the object lives. The owner creates it; the other process maps the descriptor that it was passed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <tl/expected.hpp>

namespace sallyport::abi {

// A file descriptor that closes itself.
class FileDescriptor {
 public:
  FileDescriptor() noexcept = default;
  explicit FileDescriptor(int descriptor) noexcept : descriptor_(descriptor) {}
  FileDescriptor(FileDescriptor&& other) noexcept : descriptor_(other.release()) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() { reset(); }

  [[nodiscard]] int get() const noexcept { return descriptor_; }
  [[nodiscard]] bool is_open() const noexcept { return descriptor_ >= 0; }
  [[nodiscard]] int release() noexcept;
  void reset() noexcept;

 private:
  int descriptor_ = -1;
};

class Segment {
 public:
  enum class OtherSide : std::uint8_t { may_write, reads_only };

  Segment() noexcept = default;
  Segment(Segment&& other) noexcept;
  Segment& operator=(Segment&& other) noexcept;
  Segment(const Segment&) = delete;
  Segment& operator=(const Segment&) = delete;
  ~Segment();

  // A new segment of zero bytes, mapped writable here. With reads_only no other mapping can ever be writable
  // (F_SEAL_FUTURE_WRITE).
  static tl::expected<Segment, std::string> create(const char* name, std::size_t bytes, OtherSide other_side);

  // Maps a descriptor that the other process sent. Refused unless it is a memfd of exactly `bytes` bytes that is sealed
  // against shrinking: otherwise reading it could raise SIGBUS.
  static tl::expected<Segment, std::string> map(FileDescriptor descriptor, std::size_t bytes, bool writable);

  [[nodiscard]] void* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t size() const noexcept { return bytes_; }
  [[nodiscard]] int descriptor() const noexcept { return descriptor_.get(); }
  template <typename T>
  [[nodiscard]] T* at(std::size_t offset = 0) const noexcept {
    return reinterpret_cast<T*>(static_cast<std::uint8_t*>(data_) + offset);
  }

 private:
  FileDescriptor descriptor_;
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace sallyport::abi
