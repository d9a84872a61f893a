// A socket that says exactly what a test wants, right or wrong. Every wait ends after ten seconds.
#pragma once

#include <arpa/inet.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace sallyport {

class RawSocket {
 public:
  explicit RawSocket(int descriptor) : descriptor_(descriptor) {
    const timeval ten_seconds{.tv_sec = 10, .tv_usec = 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &ten_seconds, sizeof ten_seconds);
    ::setsockopt(descriptor_, SOL_SOCKET, SO_SNDTIMEO, &ten_seconds, sizeof ten_seconds);
  }
  RawSocket(RawSocket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  RawSocket& operator=(RawSocket&&) = delete;
  ~RawSocket() { close(); }

  static RawSocket connect_unix(const std::string& path) {
    RawSocket socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    if (::connect(socket.descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) socket.close();
    return socket;
  }
  static RawSocket connect_tcp(std::uint16_t port) {
    RawSocket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket.descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) socket.close();
    return socket;
  }
  // Takes one connection on a path.
  static RawSocket listen_unix(const std::string& path) {
    RawSocket socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    ::bind(socket.descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    ::listen(socket.descriptor_, 4);
    return socket;
  }
  [[nodiscard]] RawSocket accept() const { return RawSocket(::accept(descriptor_, nullptr, nullptr)); }

  [[nodiscard]] bool is_open() const { return descriptor_ >= 0; }
  bool send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  // That were sent and that the other side has not taken yet.
  [[nodiscard]] int unread_bytes() const {
    int bytes = 0;
    ::ioctl(descriptor_, SIOCOUTQ, &bytes);
    return bytes;
  }
  // What comes next; empty at the end (or when nothing comes).
  [[nodiscard]] std::string receive() const {
    char buffer[65536];
    const ssize_t got = ::recv(descriptor_, buffer, sizeof buffer, 0);
    return got > 0 ? std::string(buffer, static_cast<std::size_t>(got)) : std::string();
  }
  [[nodiscard]] std::string receive_until(std::string_view end) const {
    std::string all;
    while (all.find(end) == std::string::npos) {
      const std::string piece = receive();
      if (piece.empty()) break;
      all += piece;
    }
    return all;
  }
  [[nodiscard]] std::string receive_all() const {
    std::string all;
    for (std::string piece = receive(); !piece.empty(); piece = receive()) all += piece;
    return all;
  }
  void close() {
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  }

 private:
  int descriptor_;
};

}  // namespace sallyport
