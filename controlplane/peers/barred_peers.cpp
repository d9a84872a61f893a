#include "controlplane/peers/barred_peers.hpp"

#include <algorithm>
#include <vector>

#include "config/base/log.hpp"

namespace sallyport::controlplane {
namespace {

void log_barred(const Peer& peer) {
  log_warning("configured peer is revoked", {{"peer", peer.name}, {"identity", peer.identity()}});
}

}  // namespace

bool BarredPeers::is_revoked(const Peer& peer) const {
  const RevocationList& revoked = enrolment_.revocations();
  return revoked.contains(peer.public_key) ||
         (!peer.identity().empty() && revoked.contains(RevocationKind::identity, peer.identity()));
}

bool BarredPeers::has_key(const PublicKey& key) const {
  return std::any_of(barred_.begin(), barred_.end(), [&](const auto& entry) { return entry.second.public_key == key; });
}

BarredPeers::Map BarredPeers::take_from(std::vector<Peer>& peers) const {
  Map barred;
  std::erase_if(peers, [&](const Peer& peer) {
    if (!is_revoked(peer)) return false;
    log_barred(peer);
    barred[peer.name] = peer;
    return true;
  });
  return barred;
}

void BarredPeers::bar(const Peer& peer) {
  log_barred(peer);
  barred_[peer.name] = peer;
  if (const Peer* present = peers_.directory().by_name(peer.name)) peers_.end(*present);
}

std::size_t BarredPeers::bar_revoked() {
  std::vector<Peer> revoked;
  std::ranges::copy_if(peers_.all(), std::back_inserter(revoked),
                       [this](const Peer& peer) { return is_revoked(peer); });
  for (const Peer& peer : revoked) bar(peer);
  return revoked.size();
}

void BarredPeers::let_in() {
  std::vector<Peer> free;
  for (const auto& [name, peer] : barred_)
    if (!is_revoked(peer)) free.push_back(peer);
  for (const Peer& peer : free) {
    barred_.erase(peer.name);
    if (auto begun = peers_.begin(peer); !begun)
      log_error("peer does not come back", {{"peer", peer.name}, {"why", begun.error()}, {"remedy", "reload"}});
  }
}

}  // namespace sallyport::controlplane
