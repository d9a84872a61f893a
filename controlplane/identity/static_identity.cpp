#include "controlplane/identity/static_identity.hpp"

#include <string>
#include <string_view>

namespace sallyport::controlplane {
namespace {

// ISSUER of "user:ISSUER/NAME" and CLUSTER of "sa:CLUSTER/NAMESPACE/NAME": whose word the claims are. Other identities
// have no issuer, so no claim: selector reaches their claims.
std::string issuer_of(std::string_view identity) {
  for (const std::string_view kind : {std::string_view("user:"), std::string_view("sa:")}) {
    if (!identity.starts_with(kind)) continue;
    const std::string_view rest = identity.substr(kind.size());
    return std::string(rest.substr(0, rest.find('/')));
  }
  return {};
}

}  // namespace

policy::Facts facts_of_configured_peer(const config::Peer& peer) {
  policy::Facts facts;
  facts.peer = peer.name;
  facts.tags = peer.tags;
  if (peer.identity) facts.names.push_back(*peer.identity);
  const std::string issuer = peer.identity ? issuer_of(*peer.identity) : std::string();
  if (issuer.empty()) return facts;
  for (const config::Claim& claim : peer.claims) facts.claims.push_back({issuer, claim.name, claim.values});
  return facts;
}

}  // namespace sallyport::controlplane
