// A TLS connection to a server that the operator named: its addresses one after the other, TCP, TLS 1.2 or later with
// the server's certificate and name checked. Without a deadline of its own. Asio's TLS is in it: for https_client
// alone.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>

#include "controlplane/https/https_client.hpp"

namespace sallyport::controlplane {

class TlsConnection : public std::enable_shared_from_this<TlsConnection> {
 public:
  using Stream = boost::asio::ssl::stream<boost::asio::ip::tcp::socket>;
  using OnOpen = std::function<void(const std::string& problem)>;  // an empty text: it is open

  explicit TlsConnection(boost::asio::io_context& loop);

  // Every address gets its part of `time`, so that one that does not answer is not the end. on_open must not own the
  // connection; it is not called after close().
  void open(const HttpsUrl& url, const std::optional<std::string>& ca_pem, std::chrono::milliseconds time,
            OnOpen on_open);
  void close();
  [[nodiscard]] Stream& stream() { return *stream_; }  // once it is open
  // What it is at: "looking for the address of NAME", "connecting to 192.0.2.1:443", "in the TLS handshake with ..."
  [[nodiscard]] std::string stage() const;

  static constexpr std::size_t addresses_max = 8;

 private:
  using Endpoint = boost::asio::ip::tcp::endpoint;
  [[nodiscard]] std::string prepare(const std::optional<std::string>& ca_pem);
  void look_up();
  void connect_next();
  void on_connected(const boost::system::error_code& error);
  void handshake();
  [[nodiscard]] std::string handshake_problem(const boost::system::error_code& error);
  void report(const std::string& problem);

  boost::asio::io_context& loop_;
  boost::asio::ip::tcp::resolver resolver_;
  boost::asio::steady_timer attempt_;
  std::optional<Stream> stream_;
  HttpsUrl url_;
  std::vector<Endpoint> addresses_;
  std::size_t next_address_ = 0;
  std::string last_problem_;
  std::chrono::milliseconds time_{0};
  OnOpen on_open_;
  bool handshaking_ = false;
  bool closed_ = false;
};

}  // namespace sallyport::controlplane
