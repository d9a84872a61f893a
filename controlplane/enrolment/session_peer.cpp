#include "controlplane/enrolment/session_peer.hpp"

#include <memory>

namespace sallyport::controlplane {

Peer peer_of_session(const EnrolledSession& session) {
  static const auto file = std::make_shared<const std::string>("enrolment");
  const std::string name = peer_name_of(session.id);
  return {.name = name,
          .interface = session.wireguard,
          .public_key = session.public_key,
          .prefixes = session.addresses,
          .facts = {.peer = name,
                    .names = {session.identity},
                    .tags = session.tags,
                    .claims = session.claims,
                    .posture = session.posture,
                    .posture_until = session.posture_until,
                    .authenticated_at = session.authenticated_at,
                    .not_after = session.not_after,
                    .net = {}},
          .origin = PeerOrigin::proof,
          .location = {file, 0, 0},
          .preshared_key_file = {},
          .endpoint = {},
          .persistent_keepalive = {},
          .preshared_key = session.preshared_key,
          .former_preshared_key = session.former_preshared_key};
}

}  // namespace sallyport::controlplane
