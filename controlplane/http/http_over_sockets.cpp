// Connections over Unix and TCP sockets as they are.
#include <sys/socket.h>

#include <type_traits>

#include "controlplane/http/http_exchange.hpp"

namespace sallyport::controlplane {
namespace {

template <typename Protocol>
class SocketStream {
 public:
  explicit SocketStream(typename Protocol::socket socket) : socket_(std::move(socket)) {}

  typename Protocol::socket& bytes() { return socket_; }
  typename Protocol::socket& socket() { return socket_; }
  template <typename Handler>
  void open(Handler&& handler) {
    handler(boost::system::error_code());
  }
  template <typename Handler>
  void end(Handler&& handler) {
    handler();
  }
  void describe(HttpRequest& request) {
    if constexpr (std::is_same_v<Protocol, boost::asio::ip::tcp>) {
      request.address = client_address(socket_);
    } else {
      // The user behind the socket, as the kernel noted it when the client connected.
      ucred peer{};
      socklen_t length = sizeof peer;
      if (::getsockopt(socket_.native_handle(), SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0)
        request.client = "uid " + std::to_string(peer.uid);
    }
  }

 private:
  typename Protocol::socket socket_;
};

template <typename Protocol>
std::shared_ptr<HttpConnection> make_connection(typename Protocol::socket socket,
                                                std::shared_ptr<HttpConnectionOwner> owner) {
  using Stream = SocketStream<Protocol>;
  return std::make_shared<HttpExchange<Stream>>(Stream(std::move(socket)), std::move(owner));
}

}  // namespace

std::shared_ptr<HttpConnection> make_unix_connection(boost::asio::local::stream_protocol::socket socket,
                                                     std::shared_ptr<HttpConnectionOwner> owner) {
  return make_connection<boost::asio::local::stream_protocol>(std::move(socket), std::move(owner));
}

std::shared_ptr<HttpConnection> make_tcp_connection(boost::asio::ip::tcp::socket socket,
                                                    std::shared_ptr<HttpConnectionOwner> owner) {
  return make_connection<boost::asio::ip::tcp>(std::move(socket), std::move(owner));
}

IpAddress client_address(const boost::asio::ip::tcp::socket& socket) {
  boost::system::error_code error;
  const auto endpoint = socket.remote_endpoint(error);
  if (error) return {};
  if (endpoint.address().is_v4()) return IpAddress::v4_from_bytes(endpoint.address().to_v4().to_bytes().data());
  const auto v6 = endpoint.address().to_v6();
  const auto bytes = v6.to_bytes();
  return v6.is_v4_mapped() ? IpAddress::v4_from_bytes(bytes.data() + 12) : IpAddress::v6_from_bytes(bytes.data());
}

}  // namespace sallyport::controlplane
