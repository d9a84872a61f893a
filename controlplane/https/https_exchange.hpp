// One request of HttpsClient and its answer, from the connection on: connect, ask, read the header, read the body.
// Lives as long as an operation of it is outstanding; cancel() ends them all.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>

#include "controlplane/https/answer_body.hpp"
#include "controlplane/https/https_client.hpp"
#include "controlplane/https/tls_connection.hpp"

namespace sallyport::controlplane {

// What the caller is told: of a stream, or of an answer as a whole if on_answer is set.
struct HttpsEvents {
  HttpsClient::OnAnswer on_answer;
  HttpsClient::StreamEvents stream;
};

class HttpsExchange : public std::enable_shared_from_this<HttpsExchange> {
 public:
  HttpsExchange(boost::asio::io_context& loop, HttpsRequest request, HttpsEvents events);
  void start();   // calls nobody before it returns
  void cancel();  // also within a call of ours

  static constexpr std::uint32_t header_bytes_max = 16 * 1024;
  static constexpr unsigned interim_answers_max = 4;  // 1xx: RFC 9110, 15.2
  static constexpr std::size_t read_bytes = 16 * 1024;

 private:
  using error_code = boost::system::error_code;
  using Parser = boost::beast::http::response_parser<boost::beast::http::empty_body>;

  void open();
  void ask();
  void read_header();
  void on_header();
  [[nodiscard]] tl::expected<AnswerBody, std::string> framing() const;
  void take_body();
  void read_more();
  void on_end_of_connection(const error_code& error);
  [[nodiscard]] bool deliver(std::string_view piece);  // false: the exchange is over

  enum class Stage : std::uint8_t { connecting, answering, streaming };
  void give(std::chrono::milliseconds time);
  void on_deadline();
  void succeed();
  void fail(const std::string& why);

  boost::asio::io_context& loop_;
  const HttpsRequest request_;
  std::shared_ptr<const HttpsEvents> events_;  // null: it is over
  boost::asio::steady_timer deadline_;
  std::shared_ptr<TlsConnection> connection_;
  std::string head_;
  boost::beast::flat_buffer buffer_;
  std::optional<Parser> parser_;
  unsigned interim_answers_ = 0;
  AnswerBody body_;
  HttpsAnswer answer_;
  Stage stage_ = Stage::connecting;
};

}  // namespace sallyport::controlplane
