#include "controlplane/identity/peer.hpp"

#include <string>
#include <string_view>
#include <tuple>

namespace sallyport::controlplane {
namespace {

// ISSUER of "user:ISSUER/NAME" and CLUSTER of "sa:CLUSTER/NAMESPACE/NAME": whose word the claims are. Other identities
// have no issuer, so no claim: selector, which names one, reaches their claims.
std::string issuer_of(std::string_view identity) {
  for (const std::string_view kind : {std::string_view("user:"), std::string_view("sa:")}) {
    if (!identity.starts_with(kind)) continue;
    const std::string_view rest = identity.substr(kind.size());
    return std::string(rest.substr(0, rest.find('/')));
  }
  return {};
}

policy::Facts facts_of(const config::Peer& peer) {
  policy::Facts facts;
  facts.peer = peer.name;
  facts.tags = peer.tags;
  if (peer.identity) facts.names.push_back(*peer.identity);
  const std::string issuer = peer.identity ? issuer_of(*peer.identity) : std::string();
  for (const config::Claim& claim : peer.claims) facts.claims.push_back({issuer, claim.name, claim.values});
  return facts;
}

}  // namespace

const std::string& Peer::identity() const {
  static const std::string none;
  return facts.names.empty() ? none : facts.names.front();
}

bool operator==(const Peer& a, const Peer& b) {
  const auto values = [](const Peer& peer) {
    return std::tie(peer.name, peer.interface, peer.public_key, peer.prefixes, peer.facts, peer.preshared_key_file,
                    peer.endpoint, peer.persistent_keepalive, peer.preshared_key, peer.former_preshared_key);
  };
  return values(a) == values(b);
}

Peer configured_peer(const config::Peer& peer, PeerOrigin origin) {
  return {.name = peer.name,
          .interface = peer.wireguard,
          .public_key = peer.public_key,
          .prefixes = peer.allowed_ips,
          .facts = facts_of(peer),
          .origin = origin,
          .location = peer.location,
          .preshared_key_file = peer.preshared_key_file,
          .endpoint = peer.endpoint,
          .persistent_keepalive = peer.persistent_keepalive,
          .preshared_key = {},
          .former_preshared_key = {}};
}

std::vector<Peer> configured_peers(std::span<const config::Peer> peers, PeerOrigin origin) {
  std::vector<Peer> list;
  list.reserve(peers.size());
  for (const config::Peer& peer : peers) list.push_back(configured_peer(peer, origin));
  return list;
}

}  // namespace sallyport::controlplane
