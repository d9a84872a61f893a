// A listening TCP socket apart from the server that accepts on it: a port below 1024 is bound before the process gives
// up its privileges, and stays bound when another server takes over.
#pragma once

#include <string>

#include <tl/expected.hpp>

#include "config/base/ip.hpp"
#include "config/file_descriptor.hpp"

namespace sallyport::controlplane {

class TcpListener {
 public:
  enum class Address : std::uint8_t {
    exists,
    may_come_later,  // a port's comes with the dataplane: IP_FREEBIND
  };
  [[nodiscard]] static tl::expected<TcpListener, std::string> listen(const IpEndpoint& endpoint, Address address);
  // The same socket once more.
  [[nodiscard]] tl::expected<TcpListener, std::string> duplicate() const;

  [[nodiscard]] const IpEndpoint& endpoint() const { return endpoint_; }  // as it was asked for
  [[nodiscard]] int release() { return socket_.release(); }               // the caller closes it

 private:
  TcpListener(IpEndpoint endpoint, int socket) : endpoint_(endpoint), socket_(socket) {}

  IpEndpoint endpoint_;
  config::FileDescriptor socket_;
};

}  // namespace sallyport::controlplane
