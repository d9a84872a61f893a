// GET /v1/diagnose: who is meant, and the answer.
#include <algorithm>

#include "controlplane/api/diagnose/walk.hpp"
#include "controlplane/api/endpoint.hpp"
#include "controlplane/api/enrolled_peers.hpp"
#include "controlplane/api/enrolment_api.hpp"

namespace sallyport::controlplane {
namespace {

constexpr std::size_t most_peers_walked = 16;  // of one identity

struct Diagnosis {
  std::string subject;
  std::vector<diagnose::Check> checks;
};

HttpResponse answer(const Diagnosis& diagnosis) {
  Json checks = Json::array();
  for (const diagnose::Check& check : diagnosis.checks)
    checks.push_back(
        {{"check", check.name}, {"result", diagnose::to_string(check.result)}, {"sentence", check.sentence}});
  return document({{"subject", diagnosis.subject},
                   {"checks", std::move(checks)},
                   {"conclusion", diagnose::conclusion_of(diagnosis.checks)}});
}

bool has_failed(const Diagnosis& diagnosis) {
  return std::any_of(diagnosis.checks.begin(), diagnosis.checks.end(),
                     [](const diagnose::Check& check) { return check.result == diagnose::Result::failed; });
}

Diagnosis of_peer(const Peer& peer, const Call& call) {
  const std::string identity = peer.identity();
  return {.subject = "the peer " + peer.name + (identity.empty() ? "" : " (" + identity + ')'),
          .checks = diagnose::walk_peer(peer, call.backend, call.time)};
}

// Of several peers the first with something wrong.
Diagnosis of_identity(const std::string& identity, const Call& call) {
  const auto peers = peers_with_identity(identity, call.backend);
  if (peers.empty()) return {.subject = identity, .checks = diagnose::walk_identity(identity, call.backend, call.time)};
  Diagnosis shown = of_peer(*peers.front(), call);
  for (std::size_t i = 1; i < peers.size() && i < most_peers_walked && !has_failed(shown); ++i)
    if (Diagnosis other = of_peer(*peers[i], call); has_failed(other)) shown = std::move(other);
  if (peers.size() > 1) shown.subject += ", one of " + std::to_string(peers.size()) + " peers of this identity";
  return shown;
}

const Peer* find_named(const std::string& text, const AdminBackend& backend) {
  constexpr std::string_view prefix = "peer:";
  if (const Peer* peer = find_peer(backend, text.starts_with(prefix) ? text.substr(prefix.size()) : text)) return peer;
  return find_peer(backend, peer_name_of(text));  // the id of a session
}

HttpResponse get_diagnosis(const Call& call) {
  constexpr std::string_view known[] = {"of"};
  if (const auto wrong = wrong_query(call.target, known)) return failure(400, *wrong);
  const auto parameter = call.target.parameter("of");
  if (!parameter)
    return answer({.subject = "the gateway " + call.backend.configuration().gateway.name,
                   .checks = diagnose::walk_gateway(call.backend, call.time)});
  const std::string of(*parameter);
  if (const auto address = IpAddress::parse(of)) {
    if (const Peer* peer = call.backend.peer_of(*address)) return answer(of_peer(*peer, call));
    return answer(
        {.subject = address->to_string(), .checks = diagnose::walk_address(*address, call.backend, call.time)});
  }
  if (is_identity(of)) return answer(of_identity(of, call));
  if (const Peer* peer = find_named(of, call.backend)) return answer(of_peer(*peer, call));
  return failure(404, "of: " + in_quotes(of) + " is not a peer's name, the id of a session, an identity or an address" +
                          suggest_peer(call.backend, of));
}

}  // namespace

std::span<const Endpoint> diagnose_endpoints() {
  static constexpr std::array list = {
      Endpoint{"GET", {"diagnose"}, get_diagnosis, "?of=PEER, session, identity or address: what is wrong, end to end"},
  };
  return list;
}

}  // namespace sallyport::controlplane
