#include "dataplane/abi/segment.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace sallyport::abi {
namespace {

std::string failure(const char* what, const char* name) {
  return std::string(what) + " '" + name + "': " + std::strerror(errno);
}

}  // namespace

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  if (this != &other) {
    reset();
    descriptor_ = other.release();
  }
  return *this;
}

int FileDescriptor::release() noexcept {
  return std::exchange(descriptor_, -1);
}

void FileDescriptor::reset() noexcept {
  if (descriptor_ >= 0) close(std::exchange(descriptor_, -1));
}

Segment::Segment(Segment&& other) noexcept
    : descriptor_(std::move(other.descriptor_)),
      data_(std::exchange(other.data_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)) {}

Segment& Segment::operator=(Segment&& other) noexcept {
  if (this != &other) {
    if (data_ != nullptr) munmap(data_, bytes_);
    descriptor_ = std::move(other.descriptor_);
    data_ = std::exchange(other.data_, nullptr);
    bytes_ = std::exchange(other.bytes_, 0);
  }
  return *this;
}

Segment::~Segment() {
  if (data_ != nullptr) munmap(data_, bytes_);
}

tl::expected<Segment, std::string> Segment::create(const char* name, std::size_t bytes, OtherSide other_side) {
  Segment segment;
  segment.descriptor_ = FileDescriptor(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!segment.descriptor_.is_open()) return tl::unexpected(failure("cannot create shared memory", name));
  if (ftruncate(segment.descriptor(), static_cast<off_t>(bytes)) != 0)
    return tl::unexpected(failure("cannot size shared memory", name));
  void* data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, segment.descriptor(), 0);
  if (data == MAP_FAILED) return tl::unexpected(failure("cannot map shared memory", name));
  segment.data_ = data;
  segment.bytes_ = bytes;
  // After our own mapping exists: FUTURE_WRITE forbids every later writable one.
  const int seals =
      F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL | (other_side == OtherSide::reads_only ? F_SEAL_FUTURE_WRITE : 0);
  if (fcntl(segment.descriptor(), F_ADD_SEALS, seals) != 0)
    return tl::unexpected(failure("cannot seal shared memory", name));
  return segment;
}

tl::expected<Segment, std::string> Segment::map(FileDescriptor descriptor, std::size_t bytes, bool writable) {
  struct stat status {};
  if (fstat(descriptor.get(), &status) != 0) return tl::unexpected(failure("cannot inspect", "shared memory"));
  if (status.st_size < 0 || static_cast<std::size_t>(status.st_size) != bytes)
    return tl::unexpected("shared memory has " + std::to_string(status.st_size) + " bytes, expected " +
                          std::to_string(bytes));
  const int seals = fcntl(descriptor.get(), F_GET_SEALS);
  constexpr int needed = F_SEAL_SHRINK | F_SEAL_SEAL;
  if (seals < 0 || (seals & needed) != needed) return tl::unexpected(std::string("shared memory is not sealed"));
  Segment segment;
  void* data = mmap(nullptr, bytes, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, descriptor.get(), 0);
  if (data == MAP_FAILED) return tl::unexpected(failure("cannot map", "shared memory"));
  segment.descriptor_ = std::move(descriptor);
  segment.data_ = data;
  segment.bytes_ = bytes;
  return segment;
}

}  // namespace sallyport::abi
