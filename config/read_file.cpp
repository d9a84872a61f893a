#include "config/read_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "config/file_descriptor.hpp"
#include "config/limits.hpp"

namespace sallyport::config {

std::string too_large() {
  return "larger than " + std::to_string(limits::file_bytes >> 20) + " MiB";
}

tl::expected<std::string, std::string> read_file(const std::filesystem::path& path) {
  const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (file.get() < 0) return tl::make_unexpected(std::string("cannot be opened: ") + std::strerror(errno));
  struct stat status {};
  if (fstat(file.get(), &status) != 0)
    return tl::make_unexpected(std::string("cannot be read: ") + std::strerror(errno));
  if (S_ISDIR(status.st_mode)) return tl::make_unexpected("expected a file, got a directory");
  if (!S_ISREG(status.st_mode)) return tl::make_unexpected("expected a regular file");
  if (static_cast<std::uint64_t>(status.st_size) > limits::file_bytes) return tl::make_unexpected(too_large());
  std::string text;
  text.resize(static_cast<std::size_t>(status.st_size) + 1);  // one more, to notice the end without growing
  std::size_t filled = 0;
  while (true) {
    if (filled == text.size()) text.resize(text.size() * 2);
    const ssize_t got = read(file.get(), text.data() + filled, text.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return tl::make_unexpected(std::string("cannot be read: ") + std::strerror(errno));
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
    if (filled > limits::file_bytes) return tl::make_unexpected(too_large());
  }
  text.resize(filled);
  return text;
}

}  // namespace sallyport::config
