#include "controlplane/http/tcp_listener.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include <boost/asio/ip/tcp.hpp>

namespace sallyport::controlplane {
namespace {

using boost::asio::ip::tcp;

bool set_option(int socket, int level, int name) {
  const int yes = 1;
  return ::setsockopt(socket, level, name, &yes, sizeof yes) == 0;
}

tl::unexpected<std::string> failure(const IpEndpoint& endpoint) {
  return tl::unexpected("cannot listen on " + endpoint.to_string() + ": " + std::strerror(errno));
}

}  // namespace

tl::expected<TcpListener, std::string> TcpListener::listen(const IpEndpoint& endpoint, Address address) {
  boost::system::error_code error;
  const auto host = boost::asio::ip::make_address(endpoint.address.to_string(), error);
  if (error) return tl::unexpected("not an address to listen on: " + endpoint.to_string());
  const tcp::endpoint where(host, endpoint.port);
  TcpListener listener(endpoint,
                       ::socket(where.protocol().family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP));
  const int socket = listener.socket_.get();
  if (socket < 0 || !set_option(socket, SOL_SOCKET, SO_REUSEADDR)) return failure(endpoint);
  const bool free_bind = address == Address::may_come_later;
  if (free_bind &&
      !(host.is_v6() ? set_option(socket, IPPROTO_IPV6, IPV6_FREEBIND) : set_option(socket, IPPROTO_IP, IP_FREEBIND)))
    return failure(endpoint);
  if (::bind(socket, where.data(), static_cast<socklen_t>(where.size())) != 0 || ::listen(socket, SOMAXCONN) != 0)
    return failure(endpoint);
  return listener;
}

tl::expected<TcpListener, std::string> TcpListener::duplicate() const {
  TcpListener same(endpoint_, ::fcntl(socket_.get(), F_DUPFD_CLOEXEC, 0));
  if (same.socket_.get() < 0) return failure(endpoint_);
  return same;
}

}  // namespace sallyport::controlplane
