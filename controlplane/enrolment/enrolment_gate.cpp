#include "controlplane/enrolment/enrolment_gate.hpp"

#include <mutex>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "config/base/clock.hpp"
#include "config/base/log.hpp"

namespace sallyport::controlplane {
namespace {

constexpr std::uint16_t first_free_port = 1024;
// A source may save up so many seconds' worth of requests.
constexpr double burst_seconds = 5;

EnrolmentServer::Settings settings_of(const config::Enrolment& enrolment) {
  return {.certificate_file = enrolment.certificate_file,
          .private_key_file = enrolment.private_key_file,
          .client_ca_files = enrolment.client_ca_files,
          .requests_per_s_of_source = static_cast<double>(enrolment.requests_per_s),
          .burst_of_source = static_cast<double>(enrolment.requests_per_s) * burst_seconds,
          .require_post_quantum = enrolment.post_quantum == config::PostQuantum::require};
}

// At most ten lines a second. Any thread.
void log_refused(const RefusedProof& refused, const IpAddress& source) {
  static LogLimiter limiter(10, 1'000'000'000);
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  if (!limiter.admit(boottime_ns())) return;
  log_warning("proof refused", {{"reason", name_of(refused.reason)},
                                {"issuer", refused.issuer},
                                {"detail", refused.detail},
                                {"source", source.is_set() ? source.to_string() : ""},
                                {"suppressed", limiter.take_suppressed()}});
}

}  // namespace

EnrolmentGate::EnrolmentGate(boost::asio::io_context& loop, OnRequest on_request, OnUnknownKey on_unknown_key)
    : loop_(loop), on_request_(std::move(on_request)), on_unknown_key_(std::move(on_unknown_key)) {}

// ---- the socket ----

tl::expected<void, std::string> EnrolmentGate::bind(const config::Config& configuration) {
  auto listener = listener_for(configuration);
  if (!listener) return tl::unexpected(std::move(listener.error()));
  listener_ = std::move(*listener);
  return {};
}

tl::expected<std::optional<TcpListener>, std::string> EnrolmentGate::listener_for(const config::Config& next) const {
  if (!next.enrolment) return std::nullopt;
  const IpEndpoint& wanted = next.enrolment->listen;
  auto listener = listener_ && listener_->endpoint() == wanted
                      ? listener_->duplicate()
                      : TcpListener::listen(wanted, TcpListener::Address::may_come_later);
  if (!listener) return tl::unexpected(std::move(listener.error()));
  return std::move(*listener);
}

// validate() saw its certificate.
std::optional<TcpListener> EnrolmentGate::prepare(const config::Config& next,
                                                  const std::optional<config::Enrolment>& present,
                                                  std::vector<config::Error>& errors) const {
  auto listener = listener_for(next);
  if (listener) return std::move(*listener);
  const config::Enrolment& enrolment = *next.enrolment;
  const bool is_new = !present || present->listen != enrolment.listen;
  errors.push_back(
      {enrolment.location, listener.error() + (is_new && enrolment.listen.port < first_free_port
                                                   ? "; a port below 1024 needs a restart of the control plane"
                                                   : "")});
  return std::nullopt;
}

// ---- the server ----

tl::expected<void, std::string> EnrolmentGate::start(const config::Config& configuration,
                                                     std::shared_ptr<const TrustStore> trust) {
  failure_.clear();
  if (!configuration.enrolment) {
    server_.reset();
    return {};
  }
  auto serves = serve(configuration, std::move(trust));
  if (!serves) failure_ = serves.error();
  return serves;
}

tl::expected<void, std::string> EnrolmentGate::serve(const config::Config& configuration,
                                                     std::shared_ptr<const TrustStore> trust) {
  if (!listener_)
    if (auto bound = bind(configuration); !bound) return bound;
  const config::Enrolment& enrolment = *configuration.enrolment;
  const std::pair served{listener_->endpoint(), settings_of(enrolment)};
  if (server_ && served_ == served) return {};
  auto listener = listener_->duplicate();
  if (!listener) return tl::unexpected(std::move(listener.error()));
  const auto on_loop = [this](auto work) { boost::asio::post(loop_, lifetime_.guard(std::move(work))); };
  auto server = std::make_unique<EnrolmentServer>(
      served.second,
      [this, on_loop](EnrolmentRequest request, EnrolmentServer::Reply reply) {
        on_loop([this, request = std::move(request), reply = std::move(reply)] { on_request_(request, reply); });
      },
      [this](const RefusedProof& refused, const IpAddress& source) { note_refused(refused, source); },
      [this, on_loop](const std::string& issuer) { on_loop([this, issuer] { on_unknown_key_(issuer); }); });
  server->set_trust(std::move(trust));
  if (auto started = server->start(std::move(*listener)); !started) return started;
  server_ = std::move(server);
  served_ = served;
  log_info("enrolment listens", {{"address", enrolment.listen.to_string()}, {"wireguard", enrolment.wireguard}});
  return {};
}

void EnrolmentGate::set_trust(std::shared_ptr<const TrustStore> trust) {
  if (server_) server_->set_trust(std::move(trust));
}

void EnrolmentGate::look_at_files() {
  if (server_) server_->look_at_files();
}

// ---- what is ----

std::vector<Problem> EnrolmentGate::problems() const {
  std::vector<Problem> list;
  if (!failure_.empty()) list.push_back({"enrolment", failure_});
  if (server_)
    for (Problem& problem : server_->problems()) list.push_back(std::move(problem));
  return list;
}

std::vector<NamedCounter> EnrolmentGate::counters() const {
  return server_ ? server_->counters() : std::vector<NamedCounter>{};
}

void EnrolmentGate::note_refused(const EnrolmentRefusal& refusal, const IpAddress& source) {
  refused_.note(refusal, source, std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()));
  if (const auto* refused = std::get_if<RefusedProof>(&refusal)) log_refused(*refused, source);
}

}  // namespace sallyport::controlplane
