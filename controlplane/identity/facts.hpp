// What the configuration says of a peer, as the facts that a policy decides by.
#pragma once

#include "config/config.hpp"
#include "policy/model.hpp"

namespace sallyport::controlplane {

// Its name, identity and tags; its claims, if the identity has an issuer ("user:ISSUER/...", "sa:CLUSTER/..."), because
// a claim belongs to one. A configured peer has no time of authentication and no end.
[[nodiscard]] policy::Facts facts_of(const config::Peer& peer);

}  // namespace sallyport::controlplane
