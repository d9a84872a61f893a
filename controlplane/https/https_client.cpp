#include "controlplane/https/https_client.hpp"

#include <utility>

#include <boost/asio/io_context.hpp>

#include "controlplane/https/https_exchange.hpp"

namespace sallyport::controlplane {
namespace {

// Weak: when its loop is gone, so is the exchange, and there is nothing to end.
class Call final : public HttpsCall {
 public:
  explicit Call(std::weak_ptr<HttpsExchange> exchange) : exchange_(std::move(exchange)) {}
  ~Call() override {
    if (const auto exchange = exchange_.lock()) exchange->cancel();
  }

 private:
  std::weak_ptr<HttpsExchange> exchange_;
};

}  // namespace

class HttpsClient::Impl {
 public:
  explicit Impl(boost::asio::io_context& loop) : loop_(loop) {}

  std::unique_ptr<HttpsCall> start(HttpsRequest request, HttpsEvents events) {
    const auto exchange = std::make_shared<HttpsExchange>(loop_, std::move(request), std::move(events));
    exchange->start();
    return std::make_unique<Call>(exchange);
  }

 private:
  boost::asio::io_context& loop_;
};

HttpsClient::HttpsClient(boost::asio::io_context& loop) : impl_(std::make_shared<Impl>(loop)) {}

HttpsClient::~HttpsClient() = default;

std::unique_ptr<HttpsCall> HttpsClient::get(HttpsRequest request, OnAnswer on_answer) {
  return impl_->start(std::move(request), {.on_answer = std::move(on_answer), .stream = {}});
}

std::unique_ptr<HttpsCall> HttpsClient::stream(HttpsRequest request, StreamEvents events) {
  return impl_->start(std::move(request), {.on_answer = nullptr, .stream = std::move(events)});
}

}  // namespace sallyport::controlplane
