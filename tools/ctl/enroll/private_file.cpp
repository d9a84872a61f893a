#include "tools/ctl/enroll/private_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "config/file_descriptor.hpp"

namespace sallyport::ctl {
namespace {

bool write_all(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(file, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

// The name is on disk too. Some file systems refuse to flush a folder: the file itself is safe then.
void flush_folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const config::FileDescriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (opened.get() >= 0) (void)::fsync(opened.get());
}

}  // namespace

tl::expected<void, std::string> write_private_file(const std::string& path, std::string_view text) {
  const auto refuse = [&](const char* what) {
    return tl::make_unexpected(path + ": " + what + ": " + std::strerror(errno));
  };
  struct ::stat status {};
  if (::lstat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode) && !S_ISLNK(status.st_mode))
    return tl::make_unexpected(path + ": expected a regular file, or none");
  std::string draft = path + ".XXXXXX";
  const config::FileDescriptor file(::mkostemp(draft.data(), O_CLOEXEC));  // made with mode 0600
  if (file.get() < 0) return refuse("cannot be written");
  if (::fchmod(file.get(), 0600) == 0 && write_all(file.get(), text) && ::fsync(file.get()) == 0 &&
      ::rename(draft.c_str(), path.c_str()) == 0) {
    flush_folder_of(path);
    return {};
  }
  const auto refusal = refuse("cannot be written");
  (void)::unlink(draft.c_str());
  return refusal;
}

}  // namespace sallyport::ctl
