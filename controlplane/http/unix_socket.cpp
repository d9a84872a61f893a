#include "controlplane/http/unix_socket.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>

namespace sallyport::controlplane {
namespace {

namespace asio = boost::asio;

std::string system_error(const std::string& what, int error) {
  return what + ": " + std::strerror(error);
}

boost::system::error_code knock(const std::filesystem::path& path) {
  asio::io_context loop;
  asio::local::stream_protocol::socket probe(loop);
  boost::system::error_code error;
  probe.open(asio::local::stream_protocol(), error);
  probe.non_blocking(true, error);
  probe.connect(asio::local::stream_protocol::endpoint(path.string()), error);
  return error;
}

// Whether a process listens there. One that is too busy to accept us does.
bool is_live(const std::filesystem::path& path, uid_t owner) {
  boost::system::error_code error = knock(path);
  // Of another user, as a control plane that became one leaves it: root without CAP_DAC_OVERRIDE may not knock at it
  // before it is root's.
  if (error.value() == EACCES && owner != ::geteuid() &&
      ::lchown(path.c_str(), ::geteuid(), static_cast<gid_t>(-1)) == 0) {
    error = knock(path);
    if (error != asio::error::connection_refused) (void)!::lchown(path.c_str(), owner, static_cast<gid_t>(-1));
  }
  return error != asio::error::connection_refused && error.value() != ENOENT;
}

}  // namespace

tl::expected<void, std::string> remove_stale_socket(const std::filesystem::path& path) {
  struct ::stat file {};
  if (::lstat(path.c_str(), &file) != 0) {
    if (errno == ENOENT) return {};
    return tl::unexpected(system_error("cannot look at " + path.string(), errno));
  }
  if (!S_ISSOCK(file.st_mode)) return tl::unexpected(path.string() + " exists and is not a socket");
  if (is_live(path, file.st_uid)) return tl::unexpected("another process listens on " + path.string());
  if (::unlink(path.c_str()) != 0) return tl::unexpected(system_error("cannot remove " + path.string(), errno));
  return {};
}

void OwnSocketFile::remember(const std::filesystem::path& path) {
  path_ = std::filesystem::absolute(path);
  (void)::lstat(path_.c_str(), &file_);
}

void OwnSocketFile::remove() {
  struct ::stat file {};
  if (!path_.empty() && ::lstat(path_.c_str(), &file) == 0 && file.st_ino == file_.st_ino &&
      file.st_dev == file_.st_dev)
    (void)::unlink(path_.c_str());
  path_.clear();
}

}  // namespace sallyport::controlplane
