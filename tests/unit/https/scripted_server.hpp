// A server on loopback that does to its clients what a test says, one connection after the other.
#pragma once

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "tests/unit/https/blocking_tls.hpp"

namespace sallyport::controlplane {

class ScriptedServer {
 public:
  // `on_socket` owns the descriptor that it is given.
  using OnSocket = std::function<void(int descriptor)>;
  using OnTls = std::function<void(BlockingTls&)>;

  explicit ScriptedServer(OnSocket on_socket) : on_socket_(std::move(on_socket)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    ::listen(listener_, 64);
    socklen_t length = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ScriptedServer(const TestIdentity& identity, OnTls on_tls)
      : ScriptedServer([context = TlsServerContext::make(identity.certificate_pem, identity.key_pem, {}).value(),
                        on_tls = std::move(on_tls)](int descriptor) {
          BlockingTls tls = BlockingTls::accept(descriptor, *context);
          if (tls.is_open()) on_tls(tls);
        }) {}
  ~ScriptedServer() {
    stopping_ = true;
    thread_.join();
    ::close(listener_);
  }

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] unsigned connections() const { return connections_; }

 private:
  void run() {
    while (!stopping_) {
      pollfd ready{.fd = listener_, .events = POLLIN, .revents = 0};
      if (::poll(&ready, 1, 10) <= 0) continue;
      const int descriptor = ::accept(listener_, nullptr, nullptr);
      if (descriptor < 0) continue;
      ++connections_;
      on_socket_(descriptor);
    }
  }

  OnSocket on_socket_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};     // set by the test, read by the thread
  std::atomic<unsigned> connections_{0};  // counted by the thread, read by the test
  std::thread thread_;
};

}  // namespace sallyport::controlplane
