#include "controlplane/kubernetes/cluster_watch.hpp"

#include <algorithm>
#include <random>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "config/base/clock.hpp"
#include "config/read_file.hpp"
#include "controlplane/kubernetes/cluster_follower.hpp"
#include "controlplane/runtime/lifetime.hpp"

namespace sallyport::controlplane {
namespace {

constexpr std::size_t token_bytes_max = std::size_t{16} * 1024;
constexpr std::size_t ca_bytes_max = std::size_t{1} * 1024 * 1024;
constexpr std::size_t page_bytes_max = std::size_t{32} * 1024 * 1024;
constexpr std::chrono::seconds page_timeout{30};

// As RFC 6750 writes a bearer token: it must not be able to add a header of its own to a request.
bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

tl::expected<std::string, std::string> read_token(const std::filesystem::path& path) {
  const auto file = config::read_file(path, token_bytes_max);
  if (!file) return tl::unexpected("token_file " + path.string() + ": " + file.error());
  const std::string& text = file->text;
  const auto end = text.find_last_not_of(" \t\r\n");
  std::string token = end == std::string::npos ? std::string() : text.substr(0, end + 1);
  if (!is_token(token)) return tl::unexpected("token_file " + path.string() + ": expected one bearer token, got none");
  return token;
}

}  // namespace

class ClusterWatch::Impl final : public ClusterEnvironment {
 public:
  Impl(boost::asio::io_context& loop, config::Cluster cluster, OnEndpoints on_endpoints)
      : api_server_(parse_https_url(cluster.api_server)),
        client_(loop),
        timer_(loop),
        follower(std::move(cluster), std::move(on_endpoints), *this, std::random_device{}()) {
    if (!api_server_) return;
    std::string& prefix = api_server_->target;
    if (prefix.find('?') != std::string::npos)
      api_server_ = tl::unexpected("expected no query, got " + prefix);
    else
      prefix.resize(prefix.find_last_not_of('/') + 1);
  }

  [[nodiscard]] Time now() const override { return wireguard::from_boottime_ns(boottime_ns()); }

  void wake_at(Time time) override {
    timer_.expires_after(std::max(time - now(), Time::duration::zero()));
    // A wait that was replaced may have run out already: waking once too often does no harm.
    timer_.async_wait([wake = lifetime_.guard([this] { follower.wake(); })](const auto& error) mutable {
      if (!error) wake();
    });
  }

  [[nodiscard]] Begun get(const std::string& target, HttpsClient::OnAnswer on_answer) override {
    auto request = request_for(target);
    if (!request) return tl::unexpected(request.error());
    request->answer_timeout = page_timeout;
    return client_.get(std::move(*request), std::move(on_answer));
  }

  [[nodiscard]] Begun stream(const std::string& target, HttpsClient::StreamEvents events) override {
    auto request = request_for(target);
    if (!request) return tl::unexpected(request.error());
    return client_.stream(std::move(*request), std::move(events));
  }

 private:
  // Both files are read for each request: tokens of service accounts live an hour, and CAs change too.
  [[nodiscard]] tl::expected<HttpsRequest, std::string> request_for(const std::string& target) const {
    const config::Cluster& cluster = follower.cluster();
    if (!api_server_) return tl::unexpected("api_server: " + api_server_.error());
    auto token = read_token(cluster.token_file);
    if (!token) return tl::unexpected(token.error());
    auto ca = config::read_file(cluster.ca_file, ca_bytes_max);
    if (!ca) return tl::unexpected("ca_file " + cluster.ca_file.string() + ": " + ca.error());
    HttpsRequest request;
    request.url = *api_server_;
    request.url.target += target;
    request.ca_pem = std::move(ca->text);
    request.bearer = std::move(*token);
    request.body_bytes_max = page_bytes_max;
    return request;
  }

  tl::expected<HttpsUrl, std::string> api_server_;
  HttpsClient client_;
  boost::asio::steady_timer timer_;
  Lifetime lifetime_;

 public:
  ClusterFollower follower;  // last: its calls go before what they use
};

ClusterWatch::ClusterWatch(boost::asio::io_context& loop, config::Cluster cluster, OnEndpoints on_endpoints)
    : impl_(std::make_unique<Impl>(loop, std::move(cluster), std::move(on_endpoints))) {}
ClusterWatch::~ClusterWatch() = default;

void ClusterWatch::set_wanted(std::set<std::string> services) {
  impl_->follower.set_wanted(services);
}

void ClusterWatch::tick(policy::TimePoint now) {
  impl_->follower.tick(now);
}

const config::Cluster& ClusterWatch::cluster() const {
  return impl_->follower.cluster();
}

ClusterStatus ClusterWatch::status() const {
  return impl_->follower.status();
}

std::optional<LiveEndpoints> ClusterWatch::endpoints(const std::string& service) const {
  return impl_->follower.endpoints(service);
}

}  // namespace sallyport::controlplane
