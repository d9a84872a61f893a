#include "controlplane/identity/facts.hpp"

#include <string_view>

namespace sallyport::controlplane {
namespace {

// "corp" of "user:corp/ann@example.com"; empty: none.
std::string issuer_of(std::string_view identity) {
  for (const std::string_view kind : {"user:", "sa:"})
    if (identity.starts_with(kind)) {
      identity.remove_prefix(kind.size());
      return std::string(identity.substr(0, identity.find('/')));
    }
  return {};
}

}  // namespace

policy::Facts facts_of(const config::Peer& peer) {
  policy::Facts facts;
  facts.peer = peer.name;
  facts.tags = peer.tags;
  if (!peer.identity) return facts;
  facts.names = {*peer.identity};
  const std::string issuer = issuer_of(*peer.identity);
  if (issuer.empty()) return facts;
  for (const config::Claim& claim : peer.claims)
    facts.claims.push_back({.issuer = issuer, .key = claim.name, .values = claim.values});
  return facts;
}

}  // namespace sallyport::controlplane
