#include "config/read_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "config/file_descriptor.hpp"

namespace sallyport::config {
namespace {

constexpr std::chrono::milliseconds pause_between_attempts{10};

tl::unexpected<std::string> failed(std::string_view what) {
  return tl::unexpected<std::string>(std::string(what) + ": " + std::strerror(errno));
}

FileStamp stamp_from(const struct stat& status) {
  return {status.st_dev, status.st_ino, static_cast<std::uint64_t>(status.st_size),
          std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec};
}

// The bytes up to the end, or one more than `most_bytes`.
tl::expected<std::string, std::string> read_to_end(int file, std::size_t expected_bytes, std::size_t most_bytes) {
  std::string text;
  text.resize(expected_bytes + 1);  // one more, to notice the end without growing
  std::size_t filled = 0;
  while (true) {
    if (filled == text.size()) text.resize(text.size() * 2);
    const ssize_t got = read(file, text.data() + filled, text.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed("cannot be read");
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
    if (filled > most_bytes) return tl::make_unexpected(too_large(most_bytes));
  }
  text.resize(filled);
  return text;
}

}  // namespace

tl::expected<FileText, std::string> read_file(const std::filesystem::path& path, std::size_t most_bytes) {
  for (unsigned attempt = 0; attempt < read_attempts; ++attempt) {
    if (attempt > 0) pause_before_reading_again();
    const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (file.get() < 0) return failed("cannot be opened");
    struct stat before {
    }, after{};
    if (fstat(file.get(), &before) != 0) return failed("cannot be read");
    if (S_ISDIR(before.st_mode)) return tl::make_unexpected("expected a file, got a directory");
    if (!S_ISREG(before.st_mode)) return tl::make_unexpected("expected a regular file");
    const auto size = static_cast<std::uint64_t>(before.st_size);
    if (size > most_bytes) return tl::make_unexpected(too_large(most_bytes));
    auto text = read_to_end(file.get(), size, most_bytes);
    if (!text) return tl::make_unexpected(text.error());
    if (fstat(file.get(), &after) != 0) return failed("cannot be read");
    const FileStamp stamp = stamp_from(after);
    if (stamp == stamp_from(before)) return FileText{std::move(*text), stamp};
  }
  return tl::make_unexpected("changes while it is read");
}

tl::expected<FileStamp, std::string> stamp_of(const std::filesystem::path& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return failed("cannot be read");
  return stamp_from(status);
}

std::string too_large(std::size_t most_bytes) {
  return "larger than " + std::to_string(most_bytes >> 20) + " MiB";
}

void pause_before_reading_again() {
  std::this_thread::sleep_for(pause_between_attempts);
}

}  // namespace sallyport::config
