// The path of a Unix socket that we listen on: whose it was, and whether it is still ours.
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <string>

#include <tl/expected.hpp>

namespace sallyport::controlplane {

// Removes a socket that a dead process left behind. One that somebody listens on, or a path that is no socket, is an
// error.
[[nodiscard]] tl::expected<void, std::string> remove_stale_socket(const std::filesystem::path& path);

// A socket that we bound; removed when this goes, if it is still the same one.
class OwnSocketFile {
 public:
  OwnSocketFile() = default;
  OwnSocketFile(const OwnSocketFile&) = delete;
  OwnSocketFile& operator=(const OwnSocketFile&) = delete;
  ~OwnSocketFile() { remove(); }
  void remember(const std::filesystem::path& path);
  void remove();

 private:
  std::filesystem::path path_;
  struct ::stat file_ {};
};

// sun_path without its NUL.
inline constexpr std::size_t socket_path_bytes_max = 107;

}  // namespace sallyport::controlplane
