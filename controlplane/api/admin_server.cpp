#include "controlplane/api/admin_server.hpp"

#include "controlplane/api/admin_api.hpp"
#include "controlplane/http/http_server.hpp"

namespace sallyport::controlplane {
namespace {

// A policy or a list of endpoints comes as one body, and takes a while to be read on a busy machine.
constexpr HttpLimits admin_limits{.body_bytes = std::uint64_t{16} << 20, .request_timeout = std::chrono::seconds(30)};

}  // namespace

class AdminServer::Impl {
 public:
  Impl(boost::asio::io_context& loop, AdminBackend& backend, std::filesystem::path socket)
      : socket_(std::move(socket)),
        server_(
            loop,
            [&backend](const HttpRequest& request) {
              return handle_admin_request(request, backend, RequestTime::now());
            },
            admin_limits) {}

  tl::expected<void, std::string> start() { return server_.listen_unix(socket_, 0660); }

 private:
  std::filesystem::path socket_;
  HttpServer server_;
};

AdminServer::AdminServer(boost::asio::io_context& loop, AdminBackend& backend, std::filesystem::path socket)
    : impl_(std::make_unique<Impl>(loop, backend, std::move(socket))) {}

AdminServer::~AdminServer() = default;

tl::expected<void, std::string> AdminServer::start() {
  return impl_->start();
}

}  // namespace sallyport::controlplane
