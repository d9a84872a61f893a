#include "controlplane/api/enrolled_peers.hpp"

#include <algorithm>
#include <array>

namespace sallyport::controlplane {

const EnrolledSession* session_of(const config::Peer& peer, const AdminBackend& backend) {
  return backend.enrolled_session(peer.name);
}

std::size_t configured_peer_count(const AdminBackend& backend) {
  const auto& peers = backend.configuration().peers;
  return static_cast<std::size_t>(std::count_if(
      peers.begin(), peers.end(), [&](const config::Peer& peer) { return session_of(peer, backend) == nullptr; }));
}

std::string identity_of(const config::Peer& peer, const AdminBackend& backend) {
  if (const EnrolledSession* session = session_of(peer, backend)) return session->identity;
  return peer.identity.value_or("");
}

const std::vector<std::string>& tags_of(const config::Peer& peer, const AdminBackend& backend) {
  const EnrolledSession* session = session_of(peer, backend);
  return session == nullptr ? peer.tags : session->tags;
}

std::vector<const config::Peer*> peers_with_identity(std::string_view identity, const AdminBackend& backend) {
  std::vector<const config::Peer*> found, by_proof;
  for (const config::Peer& peer : backend.configuration().peers) {
    const EnrolledSession* session = session_of(peer, backend);
    if (session != nullptr && session->identity == identity) by_proof.push_back(&peer);
    if (session == nullptr && peer.identity == identity) found.push_back(&peer);
  }
  found.insert(found.end(), by_proof.begin(), by_proof.end());
  return found;
}

bool is_identity(std::string_view text) {
  constexpr std::array<std::string_view, 5> kinds = {"user:", "sa:", "spiffe://", "ike:", "machine:"};
  return text.find('*') == std::string_view::npos &&
         std::any_of(kinds.begin(), kinds.end(),
                     [&](std::string_view kind) { return text.starts_with(kind) && text.size() > kind.size(); });
}

}  // namespace sallyport::controlplane
