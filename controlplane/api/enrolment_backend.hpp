// What the admin API needs to know of and do to enrolment, trust and clusters. The control plane implements it; every
// call is made on the event loop's thread and none blocks.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "controlplane/access/policy_answers.hpp"
#include "controlplane/enrolment/administration.hpp"
#include "controlplane/enrolment/enrolment_service.hpp"
#include "controlplane/enrolment/refused_enrolments.hpp"
#include "controlplane/kubernetes/cluster_watch.hpp"
#include "controlplane/trust/trust_sources.hpp"

namespace sallyport::controlplane {

class EnrolmentBackend {
 public:
  virtual ~EnrolmentBackend() = default;

  [[nodiscard]] virtual std::vector<EnrolledSession> enrolled_sessions() const { return {}; }
  // Null: `peer_name` is no enrolled session.
  [[nodiscard]] virtual const EnrolledSession* enrolled_session(std::string_view /*peer_name*/) const {
    return nullptr;
  }
  // The newest first, so many as are kept.
  [[nodiscard]] virtual std::vector<EnrolmentService::Past> past_sessions() const { return {}; }
  [[nodiscard]] virtual std::vector<RefusedEnrolment> refused_enrolments() const { return {}; }
  // An operator ends it; its client may enrol again. False: there is none.
  virtual bool end_session(const std::string& /*id*/, std::string_view /*by*/) { return false; }

  [[nodiscard]] virtual std::vector<Revocation> revocations() const { return {}; }
  // Takes effect before it returns; `done` is called once, when it is on disk or could not be written. The error: the
  // value is not of its kind, and then `done` is not called.
  using OnRevoked = std::function<void(Revoked)>;
  virtual tl::expected<void, std::string> revoke(RevocationKind /*kind*/, const std::string& /*value*/,
                                                 const std::string& /*reason*/, std::string_view /*by*/,
                                                 OnRevoked /*done*/) {
    return tl::unexpected(std::string("this gateway has no enrolment"));
  }
  virtual bool take_back_revocation(RevocationKind /*kind*/, const std::string& /*value*/, std::string_view /*by*/) {
    return false;
  }

  [[nodiscard]] virtual std::vector<EnrolmentKey> enrolment_keys() const { return {}; }
  virtual tl::expected<MadeEnrolmentKey, std::string> make_enrolment_key(const NewEnrolmentKey& /*wanted*/,
                                                                         std::string_view /*by*/) {
    return tl::unexpected(std::string("this gateway has no enrolment"));
  }

  [[nodiscard]] virtual std::vector<PinnedName> pinned_names() const { return {}; }
  virtual bool forget_pin(const std::string& /*identity*/, std::string_view /*by*/) { return false; }

  [[nodiscard]] virtual std::vector<TrustSourceStatus> trust_sources() const { return {}; }
  [[nodiscard]] virtual std::vector<ClusterStatus> clusters() const { return {}; }
  [[nodiscard]] virtual std::vector<PoolUse> pool_use() const { return {}; }

  // Nothing: `service` is not live, or nobody has said yet where it is.
  [[nodiscard]] virtual std::optional<EndpointSource> endpoint_source(const std::string& /*service*/) const {
    return std::nullopt;
  }
};

}  // namespace sallyport::controlplane
