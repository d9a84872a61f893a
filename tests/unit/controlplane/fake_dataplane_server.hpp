// A FakeDataplane behind a real socket, for tests of what connects to it. Polled by the test, in the same thread.
#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "tests/unit/controlplane/fake_dataplane.hpp"

namespace sallyport::controlplane::testing {

class FakeDataplaneServer {
 public:
  explicit FakeDataplaneServer(std::filesystem::path path) : path_(std::move(path)) {}
  ~FakeDataplaneServer() { kill(); }

  void start(std::uint64_t boot_id, std::uint32_t max_peers = 64) {
    dataplane = std::make_unique<FakeDataplane>(max_peers, 128, boot_id);
    std::filesystem::remove(path_);
    listener_ = abi::FileDescriptor(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, path_.c_str());
    ASSERT_EQ(bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(listen(listener_.get(), 4), 0);
  }
  // Like a SIGKILL: sockets close, the segments stay with whoever mapped them.
  void kill() {
    connection_.reset();
    listener_.reset();
    dataplane.reset();
  }
  void drop_connection() { connection_.reset(); }

  // Accepts, and takes commands and packets.
  void poll() {
    if (!listener_.is_open()) return;
    const int accepted = accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (accepted >= 0) {
      connection_ = abi::FileDescriptor(accepted);
      dataplane->reconnect();
      ++connections;
      if (silent) return;
      EXPECT_TRUE(abi::send_hello(accepted, dataplane->hello(), dataplane->descriptors()));
    }
    if (!connection_.is_open() || silent) return;
    dataplane->apply();
    for (const abi::PacketDown& packet : dataplane->take_packets()) sent.push_back(packet);
    dataplane->wake_control_plane();
  }

  std::unique_ptr<FakeDataplane> dataplane;
  std::vector<abi::PacketDown> sent;
  int connections = 0;
  bool silent = false;

 private:
  std::filesystem::path path_;
  abi::FileDescriptor listener_;
  abi::FileDescriptor connection_;
};

}  // namespace sallyport::controlplane::testing
