// An HttpServer over TLS on a thread of its own, with a certificate of test_ca() that every ClientLab believes. It asks
// for certificates.
#pragma once

#include <chrono>
#include <functional>
#include <future>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include <gtest/gtest.h>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "controlplane/http/http_server.hpp"
#include "tests/unit/https/blocking_tls.hpp"
#include "tests/unit/https/client_lab.hpp"

namespace sallyport::controlplane {

class ServerLab {
 public:
  template <typename Handler>
  explicit ServerLab(Handler handler, HttpLimits limits = {})
      : server_(std::in_place, loop_, std::move(handler), limits) {
    const TestIdentity identity = test_ca().issue();
    const std::vector<std::string> cas{test_ca().pem()};
    const auto context = TlsServerContext::make(identity.certificate_pem, identity.key_pem,
                                                {.client_cas = cas, .ask_for_certificate = true});
    auto listener = TcpListener::listen({.address = IpAddress::v4(127, 0, 0, 1)}, TcpListener::Address::exists);
    const auto listens = server_->accept_tls(std::move(listener).value(), context.value());
    EXPECT_TRUE(listens) << listens.error();
    port_ = server_->tcp_port();
    thread_ = std::thread([this] {
      const auto forever = boost::asio::make_work_guard(loop_);
      loop_.run();
    });
  }
  ~ServerLab() { stop(); }

  [[nodiscard]] std::uint16_t port() const { return port_; }

  void on_loop(const std::function<void(HttpServer&)>& work) const {
    std::promise<void> done;
    boost::asio::post(loop_, [&] {
      work(*server_);
      done.set_value();
    });
    done.get_future().get();
  }
  [[nodiscard]] HttpCounters counters() const {
    HttpCounters counters;
    on_loop([&](HttpServer& server) { counters = server.counters(); });
    return counters;
  }
  // Within wait_until.
  [[nodiscard]] const HttpCounters& counted_on_loop() const { return server_->counters(); }
  // Until it holds on the loop's thread; ten seconds at most.
  void wait_until(const std::function<bool()>& condition) const {
    bool holds = false;
    for (unsigned i = 0; i < 10'000 && !holds; ++i) {
      on_loop([&](HttpServer&) { holds = condition(); });
      if (!holds) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    EXPECT_TRUE(holds);
  }
  void stop() {
    if (!thread_.joinable()) return;
    on_loop([this](HttpServer&) { server_.reset(); });
    loop_.stop();
    thread_.join();
  }

 private:
  mutable boost::asio::io_context loop_;
  mutable std::optional<HttpServer> server_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace sallyport::controlplane
