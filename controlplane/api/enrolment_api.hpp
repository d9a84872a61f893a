// The endpoints about enrolment: who has a tunnel by proof, who must not have one any more, whom the gateway believes,
// and where live services are.
#pragma once

#include <map>
#include <string>

#include "controlplane/api/admin_call.hpp"

namespace sallyport::controlplane {

// enrolled_view.cpp
HttpResponse get_enrolled_sessions(const Call& call);
HttpResponse delete_enrolled_session(const Call& call);
// revocation_requests.cpp
HttpResponse get_revocations(const Call& call);
HttpResponse post_revocation(const Call& call);
HttpResponse delete_revocation(const Call& call);
// enrolment_key_requests.cpp
HttpResponse get_enrolment_keys(const Call& call);
HttpResponse post_enrolment_key(const Call& call);
// pins_requests.cpp
HttpResponse get_pins(const Call& call);
HttpResponse delete_pin(const Call& call);
// trust_view.cpp
HttpResponse get_trust(const Call& call);
// clusters_view.cpp
HttpResponse get_clusters(const Call& call);
// pools_view.cpp
HttpResponse get_pools(const Call& call);
// diagnose.cpp
HttpResponse get_diagnosis(const Call& call);

// --- Shared by them ------------------------------------------------------------------------------------------------

inline constexpr std::size_t longest_identity_bytes = 1024;
inline constexpr std::size_t longest_reason_bytes = 1024;

[[nodiscard]] Json posture_json(const std::map<std::string, policy::PostureValue>& posture);
[[nodiscard]] Json enrolled_session_view(const EnrolledSession& session);
// Of a peer by proof, null of a configured one.
[[nodiscard]] Json session_or_null(const config::Peer& peer, const AdminBackend& backend);

}  // namespace sallyport::controlplane
