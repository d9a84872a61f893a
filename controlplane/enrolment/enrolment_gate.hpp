// Where clients knock: the enrolment server of the configuration in force, and the socket that it listens on. The
// socket is bound before privileges are given up and is kept over every reload that keeps `listen`, so no client is
// turned away while the server behind it is another one.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include "config/config.hpp"
#include "controlplane/enrolment/enrolment_server.hpp"
#include "controlplane/enrolment/refused_enrolments.hpp"
#include "controlplane/http/tcp_listener.hpp"
#include "controlplane/runtime/lifetime.hpp"
#include "controlplane/runtime/report.hpp"

namespace boost::asio {
class io_context;
}

namespace sallyport::controlplane {

class EnrolmentGate {
 public:
  // On the loop: what was verified; an issuer whose keys may be out of date.
  using OnRequest = std::function<void(const EnrolmentRequest& request, const EnrolmentServer::Reply& reply)>;
  using OnUnknownKey = std::function<void(const std::string& issuer)>;

  EnrolmentGate(boost::asio::io_context& loop, OnRequest on_request, OnUnknownKey on_unknown_key);

  // For the first start(): the port may be one below 1024.
  [[nodiscard]] tl::expected<void, std::string> bind(const config::Config& configuration);
  // Before a reload changes anything: where the next one will listen. `errors` gets why it cannot. replace() when it is
  // in force.
  [[nodiscard]] std::optional<TcpListener> prepare(const config::Config& next,
                                                   const std::optional<config::Enrolment>& present,
                                                   std::vector<config::Error>& errors) const;
  void replace(std::optional<TcpListener> listener) { listener_ = std::move(listener); }
  // Serves what the configuration says; nothing changes if that is so already. An error: nobody can enrol, the rest of
  // the gateway works.
  tl::expected<void, std::string> start(const config::Config& configuration, std::shared_ptr<const TrustStore> trust);

  void set_trust(std::shared_ptr<const TrustStore> trust);
  void look_at_files();  // once a second
  [[nodiscard]] std::vector<Problem> problems() const;
  [[nodiscard]] std::vector<NamedCounter> counters() const;

  // Any thread. Kept for who asks; of refused proofs at most ten lines a second are logged.
  void note_refused(const EnrolmentRefusal& refusal, const IpAddress& source);
  [[nodiscard]] std::vector<RefusedEnrolment> refused() const { return refused_.list(); }

 private:
  [[nodiscard]] tl::expected<std::optional<TcpListener>, std::string> listener_for(const config::Config& next) const;
  [[nodiscard]] tl::expected<void, std::string> serve(const config::Config& configuration,
                                                      std::shared_ptr<const TrustStore> trust);

  boost::asio::io_context& loop_;
  const Lifetime lifetime_;
  const OnRequest on_request_;
  const OnUnknownKey on_unknown_key_;
  std::optional<TcpListener> listener_;
  std::string failure_;  // why nobody can enrol; empty: somebody can, or it is not configured
  std::pair<IpEndpoint, EnrolmentServer::Settings> served_;
  RefusedEnrolments refused_;
  // Its thread ends before anything that it hands work to.
  std::unique_ptr<EnrolmentServer> server_;
};

}  // namespace sallyport::controlplane
