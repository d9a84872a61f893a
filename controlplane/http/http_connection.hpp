// One client of HttpServer, and what it needs of its server. The three kinds differ in their stream alone:
// http_exchange.hpp has what they share.
#pragma once

#include <memory>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include "controlplane/http/http_message.hpp"
#include "controlplane/http/http_server.hpp"

namespace sallyport::controlplane {

class HttpConnection {
 public:
  virtual ~HttpConnection() = default;
  virtual void start() = 0;
  // Ends every operation of it, and tells the owner.
  virtual void close() = 0;
};

// Owns its connections until they close.
class HttpConnectionOwner {
 public:
  virtual ~HttpConnectionOwner() = default;
  [[nodiscard]] virtual const HttpLimits& limits() const = 0;
  [[nodiscard]] virtual HttpCounters& counters() = 0;
  // Never throws: what the handler throws is an answer.
  virtual void handle(HttpRequest request, const HttpServer::Responder& respond) = 0;
  // What came is no request, or too large: answered with this status.
  virtual void on_refused(unsigned status, const IpAddress& source) = 0;
  virtual void forget(HttpConnection* connection) = 0;
};

std::shared_ptr<HttpConnection> make_unix_connection(boost::asio::local::stream_protocol::socket socket,
                                                     std::shared_ptr<HttpConnectionOwner> owner);
std::shared_ptr<HttpConnection> make_tcp_connection(boost::asio::ip::tcp::socket socket,
                                                    std::shared_ptr<HttpConnectionOwner> owner);
// Null: there is no memory for it.
std::shared_ptr<HttpConnection> make_tls_connection(boost::asio::ip::tcp::socket socket,
                                                    std::shared_ptr<HttpConnectionOwner> owner,
                                                    const TlsServerContext& context);

// Of the client; an IPv4 address that an IPv6 socket shows as ::ffff:a.b.c.d is one. Not set: it is gone.
[[nodiscard]] IpAddress client_address(const boost::asio::ip::tcp::socket& socket);

}  // namespace sallyport::controlplane
