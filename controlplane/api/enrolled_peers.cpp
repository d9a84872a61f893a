#include "controlplane/api/enrolled_peers.hpp"

#include <algorithm>
#include <array>

namespace sallyport::controlplane {

const EnrolledSession* session_of(const Peer& peer, const AdminBackend& backend) {
  return backend.enrolled_session(peer.name);
}

std::size_t configured_peer_count(const AdminBackend& backend) {
  const auto& peers = backend.peers();
  return static_cast<std::size_t>(
      std::count_if(peers.begin(), peers.end(), [&](const Peer& peer) { return peer.origin != PeerOrigin::proof; }));
}

std::vector<const Peer*> peers_with_identity(std::string_view identity, const AdminBackend& backend) {
  std::vector<const Peer*> found, by_proof;
  for (const Peer& peer : backend.peers()) {
    if (peer.identity() == identity) (peer.origin == PeerOrigin::proof ? by_proof : found).push_back(&peer);
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
