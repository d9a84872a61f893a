#include "dataplane/housekeeping/control_link.hpp"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "config/base/clock.hpp"
#include "config/base/log.hpp"

namespace sallyport::dataplane {
namespace {

std::string system_error(const std::string& what) {
  return what + ": " + std::strerror(errno);
}

template <typename Ring>
tl::expected<abi::Segment, std::string> ring_segment(const char* name) {
  return abi::Segment::create(name, sizeof(Ring), abi::Segment::OtherSide::may_write);
}

bool is_socket(const char* path) {
  struct stat status {};
  return lstat(path, &status) == 0 && S_ISSOCK(status.st_mode);
}

}  // namespace

tl::expected<std::unique_ptr<ControlLink>, std::string> ControlLink::listen(Setup setup) {
  std::unique_ptr<ControlLink> link(new ControlLink());
  auto checkpoints =
      abi::Segment::create("sallyport-checkpoints", abi::checkpoint_bytes, abi::Segment::OtherSide::may_write);
  if (!checkpoints) return tl::unexpected(checkpoints.error());
  link->checkpoints_ = std::move(*checkpoints);
  link->setup_ = std::move(setup);
  if (std::string error = link->take_lock(); !error.empty()) return tl::unexpected(std::move(error));
  if (std::string error = link->bind_listener(); !error.empty()) return tl::unexpected(std::move(error));
  return link;
}

// A connect() would tell less: the file may be the control plane's user's, whom not even root without capabilities
// may knock at.
std::string ControlLink::take_lock() {
  const std::string path = setup_.socket_path + ".lock";
  lock_ = abi::FileDescriptor(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock_.is_open()) return system_error("cannot open '" + path + "'");
  if (flock(lock_.get(), LOCK_EX | LOCK_NB) == 0) return {};
  return system_error("cannot listen on '" + setup_.socket_path + "'" +
                      (errno == EWOULDBLOCK ? " (another dataplane runs)" : ""));
}

std::string ControlLink::bind_listener() {
  const std::string& path = setup_.socket_path;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return "socket path '" + path + "' is longer than " + std::to_string(sizeof address.sun_path - 1) + " bytes";
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);

  abi::FileDescriptor listener(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listener.is_open()) return system_error("cannot create a Unix socket");
  const auto bind_it = [&] {
    return bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  };
  // Once we are another user we can give the file to nobody: then everybody may knock, and who is admitted is decided
  // by the kernel's word on who it is.
  const bool is_open_to_all = geteuid() != 0 && (!setup_.extra_uid || *setup_.extra_uid != geteuid());
  const mode_t before = umask(is_open_to_all ? 0111 : 0177);
  bool bound = bind_it();
  // We have the lock: what lies there is nobody's.
  if (!bound && errno == EADDRINUSE && is_socket(address.sun_path)) {
    unlink(address.sun_path);
    bound = bind_it();
  }
  umask(before);
  if (!bound) return system_error("cannot listen on '" + path + "'");
  if (geteuid() == 0 && setup_.extra_uid && chown(address.sun_path, *setup_.extra_uid, static_cast<gid_t>(-1)) != 0)
    return system_error("cannot give '" + path + "' to the control plane's user");
  if (::listen(listener.get(), 4) != 0) return system_error("cannot listen on '" + path + "'");
  listener_ = std::move(listener);
  file_ = present_file().value_or(SocketFile{});
  return {};
}

std::optional<ControlLink::SocketFile> ControlLink::present_file() const noexcept {
  struct stat status {};
  if (lstat(setup_.socket_path.c_str(), &status) != 0) return std::nullopt;
  return SocketFile{status.st_dev, status.st_ino};
}

void ControlLink::restore_socket_file() noexcept {
  if (present_file() == file_) return;
  const std::string error = bind_listener();
  if (error.empty()) {
    log_warning("control socket made again", {{"path", setup_.socket_path}, {"reason", "somebody removed it"}});
  } else if (!restore_failed_) {
    log_error("control socket is gone",
              {{"path", setup_.socket_path},
               {"reason", error},
               {"consequence", "no other control plane can connect"},
               {"remedy", "restart the dataplane, or give its user a folder for the socket"}});
  }
  restore_failed_ = !error.empty();
}

// Who removed or replaced the file owns what is there now.
ControlLink::~ControlLink() {
  if (!setup_.socket_path.empty() && present_file() == file_) unlink(setup_.socket_path.c_str());
}

bool ControlLink::poll() noexcept {
  if (connection_) {
    char byte;
    const ssize_t received = recv(connection_->socket.get(), &byte, sizeof byte, MSG_DONTWAIT);
    if (received == 0) {
      close_connection("it closed the connection");
    } else if (received > 0) {
      close_connection("it sent bytes where none belong");
    } else if (errno != EAGAIN && errno != EINTR) {
      close_connection(std::strerror(errno));
    }
  }
  return accept_connection();
}

bool ControlLink::accept_connection() noexcept {
  abi::FileDescriptor socket(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket.is_open()) return false;
  if (connection_) {
    log_warning("control plane refused", {{"reason", "one is connected already"}});
    return false;
  }
  ucred peer{};
  socklen_t length = sizeof peer;
  if (getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return false;
  const bool admitted = peer.uid == 0 || peer.uid == geteuid() || (setup_.extra_uid && peer.uid == *setup_.extra_uid);
  if (!admitted) {
    log_refusal(peer.uid, peer.pid);
    return false;
  }
  auto connection = open_connection(std::move(socket));
  if (!connection) {
    log_error("control plane refused", {{"reason", connection.error()}});
    return false;
  }
  connection_ = std::move(*connection);
  ++generation_;
  log_info("control plane connected", {{"pid", peer.pid}, {"uid", peer.uid}});
  return true;
}

// A line a second at most: whoever is refused may try as often as it likes.
void ControlLink::log_refusal(uid_t uid, pid_t pid) noexcept {
  const std::uint64_t now_ns = boottime_ns();
  if (refusal_logged_at_ns_ != 0 && now_ns - refusal_logged_at_ns_ < second_ns) return;
  refusal_logged_at_ns_ = now_ns;
  log_warning("control plane refused", {{"reason", "user is not admitted"}, {"uid", uid}, {"pid", pid}});
}

tl::expected<std::unique_ptr<ControlLink::Connection>, std::string> ControlLink::open_connection(
    abi::FileDescriptor socket) {
  auto connection = std::make_unique<Connection>();
  connection->socket = std::move(socket);
  connection->wake_dataplane = abi::FileDescriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  connection->wake_control_plane = abi::FileDescriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!connection->wake_dataplane.is_open() || !connection->wake_control_plane.is_open())
    return tl::unexpected(system_error("cannot create an eventfd"));

  std::string error;
  const auto take = [&error](auto result, abi::Segment& into) {
    if (result) {
      into = std::move(*result);
    } else {
      error = result.error();
    }
  };
  take(ring_segment<abi::CommandRing>("sallyport-commands"), connection->commands_segment);
  take(ring_segment<abi::EventRing>("sallyport-events"), connection->events_segment);
  take(ring_segment<abi::PacketUpRing>("sallyport-packets-up"), connection->unproven_segment);
  take(ring_segment<abi::PacketUpRing>("sallyport-packets-up-proven"), connection->proven_segment);
  take(ring_segment<abi::PacketDownRing>("sallyport-packets-down"), connection->down_segment);
  take(ring_segment<abi::CaptureRing>("sallyport-capture"), connection->capture_segment);
  if (!error.empty()) return tl::unexpected(error);

  connection->commands = abi::RingConsumer(connection->commands_segment.at<abi::CommandRing>());
  connection->events = abi::RingProducer(connection->events_segment.at<abi::EventRing>());
  connection->unproven = abi::RingProducer(connection->unproven_segment.at<abi::PacketUpRing>());
  connection->proven = abi::RingProducer(connection->proven_segment.at<abi::PacketUpRing>());
  connection->down = abi::RingConsumer(connection->down_segment.at<abi::PacketDownRing>());
  connection->capture = abi::RingProducer(connection->capture_segment.at<abi::CaptureRing>());

  // In the order of abi::HelloDescriptor.
  const std::array<int, abi::hello_descriptor_count> descriptors = {
      connection->commands_segment.descriptor(), connection->events_segment.descriptor(),
      connection->unproven_segment.descriptor(), connection->proven_segment.descriptor(),
      connection->down_segment.descriptor(),     connection->capture_segment.descriptor(),
      setup_.statistics->descriptor(),           checkpoints_.descriptor(),
      connection->wake_dataplane.get(),          connection->wake_control_plane.get()};
  if (auto sent = abi::send_hello(connection->socket.get(), setup_.hello, descriptors); !sent)
    return tl::unexpected(sent.error());
  return connection;
}

void ControlLink::close_connection(const char* why) noexcept {
  if (!connection_) return;
  log_warning("control plane disconnected", {{"reason", why}});
  connection_.reset();
}

int ControlLink::wake_descriptor() const noexcept {
  return connection_ ? connection_->wake_dataplane.get() : -1;
}

int ControlLink::connection_descriptor() const noexcept {
  return connection_ ? connection_->socket.get() : -1;
}

void ControlLink::drain_wake() noexcept {
  std::uint64_t count;
  if (connection_ && read(connection_->wake_dataplane.get(), &count, sizeof count) < 0 && errno != EAGAIN &&
      errno != EINTR)
    close_connection("its eventfd is broken");
}

bool ControlLink::take_command(abi::Command& out) noexcept {
  if (!connection_) return false;
  const abi::RingResult result = connection_->commands.pop(out);
  if (result == abi::RingResult::broken) close_connection("the command ring is broken");
  return result == abi::RingResult::ok;
}

bool ControlLink::take_packet(abi::PacketDown& out) noexcept {
  if (!connection_) return false;
  const abi::RingResult result = connection_->down.pop(out);
  if (result == abi::RingResult::broken) close_connection("the packet ring is broken");
  return result == abi::RingResult::ok;
}

bool ControlLink::push_event_slot(const abi::Event& event) noexcept {
  if (!connection_) return false;
  return finish_push(connection_->events.push(event));
}

bool ControlLink::finish_push(abi::RingResult result) noexcept {
  if (result == abi::RingResult::broken) close_connection("a ring from the dataplane is broken");
  pushed_ |= result == abi::RingResult::ok;
  return result == abi::RingResult::ok;
}

std::uint64_t ControlLink::unproven_backlog() noexcept {
  if (!connection_) return 0;
  const std::uint64_t backlog = connection_->unproven.backlog();
  if (backlog > abi::packet_ring_slots) {
    close_connection("the packet ring is broken");
    return 0;
  }
  return backlog;
}

void ControlLink::flush() noexcept {
  if (!std::exchange(pushed_, false) || !connection_) return;
  const std::uint64_t one = 1;
  // EAGAIN: the counter is at its maximum, so the control plane is awake anyway.
  if (write(connection_->wake_control_plane.get(), &one, sizeof one) < 0 && errno != EAGAIN && errno != EINTR)
    close_connection("its eventfd is broken");
}

}  // namespace sallyport::dataplane
