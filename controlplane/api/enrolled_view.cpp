// Tunnels by proof: everything that is known of them but the hashes.
#include <utility>

#include "controlplane/api/endpoint.hpp"
#include "controlplane/api/enrolled_peers.hpp"
#include "controlplane/api/enrolment_api.hpp"
#include "controlplane/api/policy_api.hpp"
#include "policy/describe.hpp"

namespace sallyport::controlplane {
namespace {

constexpr unsigned sessions_per_step = 64;

Json client_view_json(const EnrolledSession::ClientView& client) {
  Json view = {{"at", policy::time_words(client.at)},
               {"received_bytes", client.received_bytes},
               {"sent_bytes", client.sent_bytes}};
  if (client.last_handshake_age_s) view["last_handshake_age_s"] = *client.last_handshake_age_s;
  if (client.mtu) view["mtu"] = *client.mtu;
  if (!client.endpoint.empty()) view["endpoint"] = client.endpoint;
  return view;
}

}  // namespace

Json posture_json(const std::map<std::string, policy::PostureValue>& posture) {
  Json view = Json::object();
  for (const auto& [key, value] : posture) view[key] = std::visit([](const auto& known) { return Json(known); }, value);
  return view;
}

Json enrolled_session_view(const EnrolledSession& session) {
  Json addresses = Json::array();
  for (const IpPrefix& address : session.addresses) addresses.push_back(address.to_string());
  Json view = {{"id", session.id},
               {"peer", peer_name_of(session.id)},
               {"identity", session.identity},
               {"issuer", text_or_null(session.issuer)},
               {"enrolment_key", text_or_null(session.enrolment_key)},
               {"instance", text_or_null(session.instance)},
               {"public_key", encode_key(session.public_key)}};
  if (session.former_key) view["former_key"] = encode_key(*session.former_key);
  view["post_quantum"] = is_post_quantum(session);
  view["addresses"] = std::move(addresses);
  view["claims"] = own_claims_json(session.claims);
  view["tags"] = session.tags;
  view["posture"] = posture_json(session.posture);
  if (session.posture_until) view["posture_until"] = policy::time_words(*session.posture_until);
  if (session.authenticated_at) view["authenticated_at"] = policy::time_words(*session.authenticated_at);
  view["enrolled_at"] = policy::time_words(session.enrolled_at);
  view["renewed_at"] = policy::time_words(session.renewed_at);
  view["expires_at"] = policy::time_words(session.not_after);
  view["source"] = text_or_null(session.source);
  if (session.client_view) view["client_view"] = client_view_json(*session.client_view);
  return view;
}

Json session_or_null(const Peer& peer, const AdminBackend& backend) {
  const EnrolledSession* session = session_of(peer, backend);
  return session == nullptr ? Json() : enrolled_session_view(*session);
}

namespace {

HttpResponse get_enrolled_sessions(const Call& call) {
  if (const auto wrong = wrong_query(call.target, {})) return failure(400, *wrong);
  auto step = [list = call.backend.enrolled_sessions(), next = std::size_t{0}](const JsonEmit& emit) mutable {
    for (unsigned i = 0; i < sessions_per_step && next < list.size(); ++i) emit(enrolled_session_view(list[next++]));
    return next < list.size();
  };
  return stream(json_array(std::move(step), "{\"sessions\":", "}"));
}

Json live_enrolment_json(const EnrolledSession& session) {
  Json view = {{"state", "live"}};
  view.update(enrolled_session_view(session));
  return view;
}

Json past_enrolment_json(const EnrolmentService::Past& past) {
  Json view = {{"state", "past"}};
  view.update(enrolled_session_view(past.session));
  view["ended_at"] = policy::time_words(past.ended_at);
  view["why"] = past.why;
  return view;
}

Json refused_enrolment_json(const RefusedEnrolment& refused) {
  return {{"state", "refused"},
          {"reason", refused.reason},
          {"explanation", refused.explanation},
          {"issuer", text_or_null(refused.issuer)},
          {"detail", text_or_null(refused.detail)},
          {"source", text_or_null(refused.source.is_set() ? refused.source.to_string() : std::string())},
          {"first_at", policy::time_words(refused.first_at)},
          {"at", policy::time_words(refused.last_at)},
          {"times", refused.times}};
}

HttpResponse get_enrolments(const Call& call) {
  constexpr std::string_view known[] = {"state"};
  if (const auto wrong = wrong_query(call.target, known)) return failure(400, *wrong);
  const std::string wanted(call.target.parameter("state").value_or(""));
  const auto shows = [&](std::string_view state) { return wanted.empty() || wanted == state; };
  const bool live = shows("live"), past = shows("past"), refused = shows("refused");
  if (!live && !past && !refused)
    return failure(400, "state: expected live, past or refused, got " + in_quotes(wanted));
  auto step = [sessions = live ? call.backend.enrolled_sessions() : std::vector<EnrolledSession>(),
               ended = past ? call.backend.past_sessions() : std::vector<EnrolmentService::Past>(),
               turned_away = refused ? call.backend.refused_enrolments() : std::vector<RefusedEnrolment>(),
               next = std::size_t{0}](const JsonEmit& emit) mutable {
    const std::size_t before_refused = sessions.size() + ended.size(), all = before_refused + turned_away.size();
    for (unsigned i = 0; i < sessions_per_step && next < all; ++i, ++next)
      emit(next < sessions.size()  ? live_enrolment_json(sessions[next])
           : next < before_refused ? past_enrolment_json(ended[next - sessions.size()])
                                   : refused_enrolment_json(turned_away[next - before_refused]));
    return next < all;
  };
  return stream(json_array(std::move(step), "{\"enrolments\":", "}"));
}

HttpResponse delete_enrolled_session(const Call& call) {
  if (!call.backend.end_session(call.name, caller_of(call)))
    return failure(404, "there is no session " + in_quotes(call.name) + ": GET /v1/enrolled lists them");
  return document({{"ended", call.name}});
}

}  // namespace

std::span<const Endpoint> enrolled_endpoints() {
  static constexpr std::array list = {
      Endpoint{
          "GET", {"enrolled"}, get_enrolled_sessions, "tunnels by proof: who enrolled, until when, and what is known"},
      Endpoint{"GET",
               {"enrolments"},
               get_enrolments,
               "?state=: live ones, those that ended, those that were refused and why"},
      Endpoint{"DELETE", {"enrolled", "NAME"}, delete_enrolled_session, "end one; its client may enrol again"},
  };
  return list;
}

}  // namespace sallyport::controlplane
