// Prometheus metrics over plain HTTP at [controlplane] metrics: GET /metrics, and nothing that changes anything.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <tl/expected.hpp>

#include "config/base/ip.hpp"

namespace boost::asio {
class io_context;
}

namespace sallyport::controlplane {

class AdminBackend;

class MetricsServer {
 public:
  // The loop and the backend must outlive it.
  MetricsServer(boost::asio::io_context& loop, AdminBackend& backend, const IpEndpoint& address);
  ~MetricsServer();
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;

  [[nodiscard]] tl::expected<void, std::string> start();
  // That was bound: of interest if the address had port 0.
  [[nodiscard]] std::uint16_t port() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sallyport::controlplane
