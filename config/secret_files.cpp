#include "config/secret_files.hpp"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "config/file_descriptor.hpp"
#include "config/limits.hpp"
#include "config/read_file.hpp"
#include "config/toml/safe_text.hpp"

namespace sallyport::config {
namespace {

// Room for the key, its newline and a byte more, by which a longer file shows.
class KeyText {
 public:
  KeyText() = default;
  ~KeyText() { explicit_bzero(bytes_.data(), bytes_.size()); }
  KeyText(const KeyText&) = delete;
  KeyText& operator=(const KeyText&) = delete;

  // False: errno says why.
  bool read_from(int fd) {
    while (filled_ < bytes_.size()) {
      const ssize_t got = ::read(fd, bytes_.data() + filled_, bytes_.size() - filled_);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return false;
      if (got == 0) break;
      filled_ += static_cast<std::size_t>(got);
    }
    return true;
  }

  [[nodiscard]] std::string_view without_newline() const {
    std::string_view text(bytes_.data(), filled_);
    if (text.ends_with('\n')) text.remove_suffix(1);
    if (text.ends_with('\r')) text.remove_suffix(1);
    return text;
  }

 private:
  std::array<char, 48> bytes_{};
  std::size_t filled_ = 0;
};

// What is wrong with a file that is to hold a secret; empty: nothing.
std::string problem_of(int fd, const std::string& name, std::optional<uid_t> reader) {
  struct stat status {};
  if (fd < 0) return std::string("cannot be opened: ") + std::strerror(errno);
  if (fstat(fd, &status) != 0) return std::string("cannot be read: ") + std::strerror(errno);
  if (!S_ISREG(status.st_mode)) return "expected a regular file";
  if ((status.st_mode & 077) != 0) return "others can read this key; run: chmod 600 " + name;
  if (reader.value_or(status.st_uid) != status.st_uid && reader != 0U)
    return "belongs to uid " + std::to_string(status.st_uid) + ", and uid " + std::to_string(*reader) +
           " is to read it; run: chown " + std::to_string(*reader) + ' ' + name;
  if (status.st_uid != 0 && status.st_uid != geteuid() && status.st_uid != reader)
    return "belongs to another user (uid " + std::to_string(status.st_uid) + "); run: chown root " + name;
  return {};
}

int open_secret(const std::filesystem::path& path) {
  return open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

bool is_zero(std::span<const std::uint8_t> bytes) {
  std::uint8_t any = 0;
  for (const std::uint8_t byte : bytes) any = static_cast<std::uint8_t>(any | byte);
  return any == 0;
}

}  // namespace

tl::expected<Secret<key_bytes>, std::string> read_key_file(const std::filesystem::path& path,
                                                           std::optional<uid_t> reader) {
  const std::string name = escaped(path.string(), limits::path_characters);
  const auto refuse = [&](const std::string& why) { return tl::make_unexpected(name + ": " + why); };
  const FileDescriptor file(open_secret(path));
  if (const std::string problem = problem_of(file.get(), name, reader); !problem.empty()) return refuse(problem);
  KeyText text;
  if (!text.read_from(file.get())) return refuse(std::string("cannot be read: ") + std::strerror(errno));
  auto key = decode_key(text.without_newline());
  if (!key) return refuse("expected a WireGuard key: 44 characters of base64 on one line");
  Secret<key_bytes> secret{std::span<const std::uint8_t, key_bytes>(*key)};
  explicit_bzero(key->data(), key->size());
  if (is_zero(secret.expose())) return refuse("holds the all-zero key");
  return secret;
}

tl::expected<std::string, std::string> read_secret_file(const std::filesystem::path& path, std::size_t most_bytes,
                                                        std::optional<uid_t> reader) {
  const std::string name = escaped(path.string(), limits::path_characters);
  const auto refuse = [&](const std::string& why) { return tl::make_unexpected(name + ": " + why); };
  const FileDescriptor file(open_secret(path));
  if (const std::string problem = problem_of(file.get(), name, reader); !problem.empty()) return refuse(problem);
  // One buffer of a fixed size: growing would leave copies behind.
  std::string text(most_bytes + 1, '\0');
  std::size_t filled = 0;
  ssize_t got = 0;
  while (filled < text.size()) {
    got = ::read(file.get(), text.data() + filled, text.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    filled += static_cast<std::size_t>(got);
  }
  const std::string why = got < 0 ? std::string("cannot be read: ") + std::strerror(errno) : too_large(most_bytes);
  if (got >= 0 && filled <= most_bytes) {
    text.resize(filled);
    return text;
  }
  explicit_bzero(text.data(), text.size());
  return refuse(why);
}

}  // namespace sallyport::config
