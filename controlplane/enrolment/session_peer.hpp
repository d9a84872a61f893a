// An enrolled session as the policy and as the rest of the control plane see it.
#pragma once

#include "controlplane/enrolment/records.hpp"
#include "controlplane/identity/peer.hpp"

namespace sallyport::controlplane {

// A peer called "enrolled-ID" with the session's key, addresses and facts.
[[nodiscard]] Peer peer_of_session(const EnrolledSession& session);

}  // namespace sallyport::controlplane
