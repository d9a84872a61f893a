// An enrolled session as the policy and as the rest of the control plane see it.
#pragma once

#include "config/config.hpp"
#include "controlplane/enrolment/records.hpp"
#include "policy/model.hpp"

namespace sallyport::controlplane {

[[nodiscard]] policy::Facts facts_of_session(const EnrolledSession& session);
// A peer called "enrolled-ID" with the session's key and addresses.
[[nodiscard]] config::Peer peer_of_session(const EnrolledSession& session);

}  // namespace sallyport::controlplane
