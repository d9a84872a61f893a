#include "tests/unit/api/server_thread.hpp"

#include <future>
#include <optional>
#include <thread>
#include <utility>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "controlplane/api/admin_server.hpp"

namespace sallyport::controlplane {

class ServerThread::Impl {
 public:
  explicit Impl(const std::string& socket) {
    server_.emplace(loop_, backend_, socket);
    if (const auto started = server_->start(); !started) std::abort();
    thread_ = std::thread([this] { loop_.run(); });
  }
  ~Impl() {
    on_loop([this](FakeBackend&) { server_.reset(); });
    work_.reset();
    loop_.stop();
    thread_.join();
  }
  void on_loop(const std::function<void(FakeBackend&)>& action) {
    std::promise<void> done;
    boost::asio::post(loop_, [&] {
      action(backend_);
      done.set_value();
    });
    done.get_future().wait();
  }

 private:
  FakeBackend backend_;
  boost::asio::io_context loop_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{loop_.get_executor()};
  std::optional<AdminServer> server_;
  std::thread thread_;
};

ServerThread::ServerThread() : impl_(std::make_unique<Impl>(socket())) {}

ServerThread::~ServerThread() = default;

void ServerThread::on_loop(const std::function<void(FakeBackend&)>& action) {
  impl_->on_loop(action);
}

}  // namespace sallyport::controlplane
