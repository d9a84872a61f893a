// The admin API on its Unix socket (mode 0660: its owner and group may ask and change everything). Lives in the control
// plane's event loop; the loop and the backend must outlive it.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include <tl/expected.hpp>

namespace boost::asio {
class io_context;
}

namespace sallyport::controlplane {

class AdminBackend;

class AdminServer {
 public:
  AdminServer(boost::asio::io_context& loop, AdminBackend& backend, std::filesystem::path socket);
  // Closes every connection, ends a running capture and removes the socket.
  ~AdminServer();
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;

  // Binds before privileges are dropped, if they are: the file keeps the owner that it was made with.
  [[nodiscard]] tl::expected<void, std::string> start();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sallyport::controlplane
