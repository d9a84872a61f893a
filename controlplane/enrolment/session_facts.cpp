#include "controlplane/enrolment/session_facts.hpp"

namespace sallyport::controlplane {

policy::Facts facts_of_session(const EnrolledSession& session) {
  policy::Facts facts;
  facts.peer = peer_name_of(session.id);
  facts.names = {session.identity};
  facts.tags = session.tags;
  facts.claims = session.claims;
  facts.posture = session.posture;
  facts.posture_until = session.posture_until;
  facts.authenticated_at = session.authenticated_at;
  facts.not_after = session.not_after;
  return facts;
}

config::Peer peer_of_session(const EnrolledSession& session) {
  static const auto file = std::make_shared<const std::string>("enrolment");
  config::Peer peer;
  peer.location = {file, 0, 0};
  peer.name = peer_name_of(session.id);
  peer.wireguard = session.wireguard;
  peer.public_key = session.public_key;
  peer.allowed_ips = session.addresses;
  peer.identity = session.identity;
  peer.tags = session.tags;
  return peer;
}

}  // namespace sallyport::controlplane
