#include "controlplane/api/metrics_server.hpp"

#include <string_view>

#include "controlplane/api/metrics_text.hpp"
#include "controlplane/http/http_server.hpp"

namespace sallyport::controlplane {
namespace {

constexpr HttpLimits metrics_limits{.connections = 64, .body_bytes = 1024};

HttpResponse answer(const HttpRequest& request, const AdminBackend& backend) {
  const std::string_view path = std::string_view(request.target).substr(0, request.target.find('?'));
  if (path != "/metrics" && path != "/")
    return {.status = 404, .content_type = "text/plain", .body = "the metrics are at /metrics\n"};
  if (request.method != "GET" && request.method != "HEAD")
    return {.status = 405, .content_type = "text/plain", .body = "read only\n", .allow = "GET, HEAD"};
  return {.content_type = std::string(metrics_content_type), .body = metrics_text(backend, RequestTime::now())};
}

}  // namespace

class MetricsServer::Impl {
 public:
  Impl(boost::asio::io_context& loop, const AdminBackend& backend, const IpEndpoint& address)
      : address_(address),
        server_(
            loop, [&backend](const HttpRequest& request) { return answer(request, backend); }, metrics_limits) {}

  tl::expected<void, std::string> start() { return server_.listen_tcp(address_); }
  [[nodiscard]] std::uint16_t port() const { return server_.tcp_port(); }

 private:
  IpEndpoint address_;
  HttpServer server_;
};

MetricsServer::MetricsServer(boost::asio::io_context& loop, AdminBackend& backend, const IpEndpoint& address)
    : impl_(std::make_unique<Impl>(loop, backend, address)) {}

MetricsServer::~MetricsServer() = default;

tl::expected<void, std::string> MetricsServer::start() {
  return impl_->start();
}

std::uint16_t MetricsServer::port() const {
  return impl_->port();
}

}  // namespace sallyport::controlplane
