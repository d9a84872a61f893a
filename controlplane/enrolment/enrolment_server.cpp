#include "controlplane/enrolment/enrolment_server.hpp"

#include <pthread.h>

#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "config/base/clock.hpp"
#include "config/base/log.hpp"
#include "controlplane/enrolment/even_refusals.hpp"
#include "controlplane/enrolment/request_desk.hpp"
#include "controlplane/enrolment/tls_files.hpp"
#include "controlplane/http/http_server.hpp"

namespace sallyport::controlplane {

namespace asio = boost::asio;

namespace {

constexpr std::uint64_t body_bytes_max = 64 * 1024;
constexpr std::uint32_t header_bytes_max = token_bytes_max + 4 * 1024;  // a token may come in one

HttpLimits limits_of(const EnrolmentServer::Settings& settings) {
  return {.connections = settings.connections,
          .connections_of_source = settings.connections_of_source,
          .header_bytes = header_bytes_max,
          .body_bytes = body_bytes_max,
          .request_timeout = std::chrono::seconds(10),
          .idle_timeout = std::chrono::seconds(15),
          .write_timeout = std::chrono::seconds(15)};
}

std::chrono::nanoseconds uptime() {
  return std::chrono::nanoseconds(boottime_ns());
}

policy::TimePoint wall_time() {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

}  // namespace

// What is not marked otherwise belongs to the server's thread, once start() was called.
class EnrolmentServer::Impl {
 public:
  Impl(Settings settings, HandOver hand_over, OnRefused on_refused, OnUnknownKey on_unknown_key);
  ~Impl();

  tl::expected<void, std::string> start(TcpListener listener);
  // Any thread.
  void set_trust(std::shared_ptr<const TrustStore> trust);
  void look_at_files();
  [[nodiscard]] std::vector<Problem> problems() const;
  [[nodiscard]] std::vector<NamedCounter> counters() const;
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  void run();
  void handle(const HttpRequest& request, HttpServer::Responder respond);
  void refuse_later(std::chrono::nanoseconds arrived, HttpResponse refusal, HttpServer::Responder respond);
  void wait_for_refusals();
  void take_trust();
  void update_tls();
  void publish();
  [[nodiscard]] bool asks_for_certificate() const;

  const Settings settings_;
  // Shared with the replies to come, which may outlive us: what they post then is never run.
  const std::shared_ptr<asio::io_context> loop_ = std::make_shared<asio::io_context>(1);
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work_;
  asio::steady_timer refusal_timer_{*loop_};
  EvenRefusals refusals_;
  TlsFiles files_;
  std::shared_ptr<RequestDesk> desk_;
  std::optional<HttpServer> server_;
  std::uint16_t port_ = 0;
  bool trusts_certificates_ = false;

  mutable std::mutex mutex_;  // of what follows
  std::shared_ptr<const TrustStore> new_trust_;
  std::vector<Problem> problems_;
  HttpCounters connections_;

  std::atomic<bool> looking_ = false;  // a look at the files is posted: one is enough
  std::thread thread_;
};

EnrolmentServer::Impl::Impl(Settings settings, HandOver hand_over, OnRefused on_refused, OnUnknownKey on_unknown_key)
    : settings_(std::move(settings)),
      files_(settings_.certificate_file, settings_.private_key_file, settings_.client_ca_files),
      desk_(std::make_shared<RequestDesk>(
          SourceLimits(settings_.requests_per_s_of_source, settings_.burst_of_source),
          RequestDesk::Hooks{
              .hand_over = std::move(hand_over),
              .on_refused = std::move(on_refused),
              .on_unknown_key = std::move(on_unknown_key),
              .post = [loop = loop_](std::function<void()> work) { asio::post(*loop, std::move(work)); }},
          settings_.require_post_quantum)) {}

// The thread ends what it began: connections, refusals that wait, and the desk, so that later replies find it gone.
EnrolmentServer::Impl::~Impl() {
  if (!thread_.joinable()) return;
  asio::post(*loop_, [this] {
    server_.reset();
    refusals_.clear();
    refusal_timer_.cancel();
    work_.reset();
    loop_->stop();
  });
  thread_.join();
}

tl::expected<void, std::string> EnrolmentServer::Impl::start(TcpListener listener) {
  take_trust();
  if (auto read = files_.read(asks_for_certificate()); !read) return read;
  server_.emplace(*loop_, HttpServer::AsyncHandler([this](const HttpRequest& request, HttpServer::Responder respond) {
    handle(request, std::move(respond));
  }),
                  limits_of(settings_));
  server_->set_on_refused([this](unsigned status, const IpAddress& source) {
    if (is_too_large(status)) desk_->refuse_too_large(source);
  });
  if (auto listening = server_->accept_tls(std::move(listener), files_.context()); !listening) {
    server_.reset();
    return listening;
  }
  port_ = server_->tcp_port();
  publish();
  work_.emplace(loop_->get_executor());
  thread_ = std::thread([this] { run(); });
  return {};
}

void EnrolmentServer::Impl::run() {
  pthread_setname_np(pthread_self(), "enrolment");
  loop_->run();
  desk_.reset();
  // What the end of the connections still had to say.
  loop_->restart();
  loop_->poll();
}

void EnrolmentServer::Impl::handle(const HttpRequest& request, HttpServer::Responder respond) {
  const RequestDesk::Time now{.uptime = uptime(), .wall = wall_time()};
  desk_->take(request, now, [this, arrived = now.uptime, respond = std::move(respond)](HttpResponse response) {
    if (response.status != 403) return respond(std::move(response));
    refuse_later(arrived, std::move(response), respond);
  });
}

void EnrolmentServer::Impl::refuse_later(std::chrono::nanoseconds arrived, HttpResponse refusal,
                                         HttpServer::Responder respond) {
  const auto kept = std::make_shared<HttpResponse>(std::move(refusal));
  const bool held = refusals_.hold(arrived, uptime(), [kept, respond] { respond(std::move(*kept)); });
  if (!held) return respond(std::move(*kept));
  wait_for_refusals();
}

void EnrolmentServer::Impl::wait_for_refusals() {
  const auto next = refusals_.next();
  if (!next) return;
  refusal_timer_.expires_after(*next - uptime());
  refusal_timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    refusals_.release(uptime());
    wait_for_refusals();
  });
}

bool EnrolmentServer::Impl::asks_for_certificate() const {
  return !settings_.client_ca_files.empty() || trusts_certificates_;
}

void EnrolmentServer::Impl::take_trust() {
  std::shared_ptr<const TrustStore> trust;
  {
    const std::lock_guard lock(mutex_);
    trust = new_trust_;
  }
  trusts_certificates_ = trust && trust->has_certificate_issuers();
  desk_->set_trust(std::move(trust));
}

void EnrolmentServer::Impl::update_tls() {
  if (files_.look(asks_for_certificate())) {
    server_->set_tls_context(files_.context());
    log_info("enrolment certificate read", {{"file", settings_.certificate_file.string()}});
  }
  publish();
}

void EnrolmentServer::Impl::publish() {
  auto problems = files_.problems(wall_time());
  const std::lock_guard lock(mutex_);
  problems_ = std::move(problems);
  connections_ = server_->counters();
}

void EnrolmentServer::Impl::set_trust(std::shared_ptr<const TrustStore> trust) {
  {
    const std::lock_guard lock(mutex_);
    new_trust_ = std::move(trust);
  }
  asio::post(*loop_, [this] {
    if (!server_) return;  // we are ending
    take_trust();
    update_tls();
  });
}

void EnrolmentServer::Impl::look_at_files() {
  if (looking_.exchange(true)) return;
  asio::post(*loop_, [this] {
    looking_ = false;
    if (server_) update_tls();
  });
}

std::vector<Problem> EnrolmentServer::Impl::problems() const {
  const std::lock_guard lock(mutex_);
  return problems_;
}

std::vector<NamedCounter> EnrolmentServer::Impl::counters() const {
  std::vector<NamedCounter> list = desk_->counters().read();
  const std::lock_guard lock(mutex_);
  list.insert(
      list.end(),
      {{"enrolment_connections", "connections accepted", connections_.accepted},
       {"enrolment_connections_refused", "connections over what there may be", connections_.refused_too_many},
       {"enrolment_connections_of_source_refused", "connections over what one source may have",
        connections_.refused_too_many_of_source},
       {"enrolment_tls_failures", "TLS handshakes that failed or took too long", connections_.tls_handshakes_failed},
       {"enrolment_http_malformed", "requests that are no HTTP", connections_.malformed},
       {"enrolment_http_too_large", "requests with more header or body than there may be", connections_.too_large},
       {"enrolment_timeouts", "connections closed because a request or an answer took too long",
        connections_.timed_out}});
  return list;
}

EnrolmentServer::EnrolmentServer(Settings settings, HandOver hand_over, OnRefused on_refused,
                                 OnUnknownKey on_unknown_key)
    : impl_(std::make_unique<Impl>(std::move(settings), std::move(hand_over), std::move(on_refused),
                                   std::move(on_unknown_key))) {}

EnrolmentServer::~EnrolmentServer() = default;

tl::expected<void, std::string> EnrolmentServer::start(TcpListener listener) {
  return impl_->start(std::move(listener));
}

void EnrolmentServer::set_trust(std::shared_ptr<const TrustStore> trust) {
  impl_->set_trust(std::move(trust));
}

void EnrolmentServer::look_at_files() {
  impl_->look_at_files();
}

std::vector<Problem> EnrolmentServer::problems() const {
  return impl_->problems();
}

std::vector<NamedCounter> EnrolmentServer::counters() const {
  return impl_->counters();
}

std::uint16_t EnrolmentServer::port() const {
  return impl_->port();
}

}  // namespace sallyport::controlplane
