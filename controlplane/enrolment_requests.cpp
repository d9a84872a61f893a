// What clients and operators ask of enrolment: it becomes peers, and is written before it is answered.
#include <algorithm>
#include <utility>

#include "config/base/clock.hpp"
#include "config/base/log.hpp"
#include "controlplane/control_plane.hpp"
#include "controlplane/runtime/instant_now.hpp"

namespace sallyport::controlplane {
namespace {

std::string why_of(const EnrolmentRefusal& refusal) {
  if (const auto* refused = std::get_if<RefusedProof>(&refusal)) return std::string(name_of(refused->reason));
  return std::string(name_of(std::get<EnrolmentFailure>(refusal)));
}

}  // namespace

// ---- what clients ask ----

void ControlPlane::log_enrolled(const Granted& granted) {
  if (!enrolment_log_.admit(boottime_ns())) return;
  const EnrolledSession* session = enrolment_.by_peer_name(peer_name_of(granted.session_id));
  log_info("session enrolled", {{"peer", peer_name_of(granted.session_id)},
                                {"identity", granted.identity},
                                {"addresses", granted.addresses.empty() ? "" : granted.addresses.front().to_string()},
                                {"expires_in_s", (granted.expires_at - wall_seconds()).count()},
                                {"source", session == nullptr ? "" : session->source},
                                {"suppressed", enrolment_log_.take_suppressed()}});
}

void ControlPlane::on_enrolment(const EnrolmentRequest& request, const EnrolmentServer::Reply& reply) {
  EnrolmentService::Effects effects;
  EnrolmentResult result = enrolment_.answer(request, wall_seconds(), effects);
  const bool to_store = !effects.to_store.empty();
  sessions_.apply(std::move(effects));
  if (!result) {
    const auto source = std::visit(
        [](const auto& one) {
          if constexpr (requires { one.source; })
            return one.source;
          else
            return IpAddress{};
        },
        request);
    gate_.note_refused(result.error(), source);
    if (std::holds_alternative<EnrolmentFailure>(result.error()) && enrolment_log_.admit(boottime_ns()))
      log_warning("enrolment failed",
                  {{"why", why_of(result.error())}, {"suppressed", enrolment_log_.take_suppressed()}});
  }
  const auto* granted = result ? std::get_if<Granted>(&*result) : nullptr;
  if (granted != nullptr && std::holds_alternative<EnrollRequest>(request)) log_enrolled(*granted);
  if (!to_store || granted == nullptr) return reply(std::move(result));
  // A tunnel that a restart would forget is none: answered when it is on disk.
  const std::string id = granted->session_id;
  state_.save([this, reply, result = std::move(result), id](bool stored) {
    if (stored) return reply(result);
    EnrolmentService::Effects undone;
    enrolment_.end(id, "it could not be stored", wall_seconds(), undone);
    sessions_.apply(std::move(undone));
    enrolment_.count(tl::unexpected(EnrolmentRefusal(EnrolmentFailure::not_stored)));
    reply(tl::unexpected(EnrolmentRefusal(EnrolmentFailure::not_stored)));
  });
}

// ---- what operators ask ----

std::vector<EnrolledSession> ControlPlane::enrolled_sessions() const {
  std::vector<EnrolledSession> list;
  list.reserve(enrolment_.sessions().size());
  for (const auto& [id, session] : enrolment_.sessions()) list.push_back(session);
  return list;
}

std::vector<EnrolmentService::Past> ControlPlane::past_sessions() const {
  return {enrolment_.past().begin(), enrolment_.past().end()};
}

bool ControlPlane::end_session(const std::string& id, std::string_view by) {
  EnrolmentService::Effects effects;
  const bool ended = enrolment_.end(id, "ended by " + std::string(by), wall_seconds(), effects);
  sessions_.apply(std::move(effects));
  state_.save();
  return ended;
}

tl::expected<void, std::string> ControlPlane::revoke(RevocationKind kind, const std::string& value,
                                                     const std::string& reason, std::string_view by, OnRevoked done) {
  Revocation revocation{kind, value, wall_seconds(), std::string(by), reason};
  EnrolmentService::Effects effects;
  const auto ended = enrolment_.revoke(revocation, wall_seconds(), effects);
  if (!ended) return tl::unexpected(ended.error());
  sessions_.apply(std::move(effects));
  const std::size_t barred = barred_.bar_revoked();
  flush();
  log_warning("revoked", {{"kind", name_of(revocation.kind)},
                          {"value", revocation.value},
                          {"by", by},
                          {"reason", reason},
                          {"sessions_ended", *ended},
                          {"peers_ended", barred}});
  state_.save([done = std::move(done), revoked = Revoked{revocation, *ended, barred, true}](bool stored) mutable {
    revoked.stored = stored;
    done(revoked);
  });
  return {};
}

bool ControlPlane::take_back_revocation(RevocationKind kind, const std::string& value, std::string_view by) {
  EnrolmentService::Effects effects;
  if (!enrolment_.take_back(kind, value, effects)) return false;
  sessions_.apply(std::move(effects));
  barred_.let_in();
  log_warning("revocation taken back", {{"kind", name_of(kind)}, {"value", value}, {"by", by}});
  request_flush();
  state_.save();
  return true;
}

tl::expected<MadeEnrolmentKey, std::string> ControlPlane::make_enrolment_key(const NewEnrolmentKey& wanted,
                                                                             std::string_view by) {
  if (!config_.enrolment) return tl::unexpected(std::string("gateway.toml has no [enrolment]"));
  EnrolmentService::Effects effects;
  auto made = enrolment_.make_key(wanted, by, wall_seconds(), effects);
  if (!made) return made;
  sessions_.apply(std::move(effects));
  state_.save();
  log_info("enrolment key made", {{"id", made->key.id}, {"name", made->key.name}, {"by", by}});
  return made;
}

bool ControlPlane::forget_pin(const std::string& identity, std::string_view by) {
  EnrolmentService::Effects effects;
  const bool forgotten = enrolment_.forget_pin(identity, effects);
  sessions_.apply(std::move(effects));
  state_.save();
  if (forgotten) log_info("pin forgotten", {{"identity", identity}, {"by", by}});
  return forgotten;
}

std::vector<PoolUse> ControlPlane::pool_use() const {
  if (!enrolment_.settings()) return {};
  return {{enrolment_.settings()->pool, enrolment_.leases(), enrolment_.sessions().size(), enrolment_.capacity()}};
}

// What the server refused and what the service refused are one counter for each reason.
std::vector<NamedCounter> ControlPlane::enrolment_counters() const {
  std::vector<NamedCounter> list = enrolment_.counters();
  for (NamedCounter& counter : gate_.counters()) {
    const auto same = std::find_if(list.begin(), list.end(), [&](const auto& one) { return one.name == counter.name; });
    if (same != list.end())
      same->value += counter.value;
    else
      list.push_back(std::move(counter));
  }
  return list;
}

}  // namespace sallyport::controlplane
