// The identity of a peer that the configuration names: what the policy may know of it. It was never authenticated by
// anything but its key, so it has no authentication time, and it never expires.
#pragma once

#include "config/config.hpp"
#include "policy/model.hpp"

namespace sallyport::controlplane {

[[nodiscard]] policy::Facts facts_of_configured_peer(const config::Peer& peer);

}  // namespace sallyport::controlplane
